"""What a recipe asks of single rows: how much they count, and that copies are left out."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError
from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.source import Table


def weights_of(
    table: Table, column: str | None
) -> tuple[NDArray[np.float64] | None, dict[int, str]]:
    """The weight of every row, and the rows, from 0, whose cell is none, with the reason.

    Raises:
        UserError: There is no such column, or no weight above 0 in it.
    """
    if column is None:
        return None, {}
    cells = table.column(column)
    numbers = np.array([number_of(cell) for cell in cells], np.float64)
    wrong = ~(numbers >= 0)  # of nan too
    if not (numbers > 0).any():
        raise UserError(f"weight: {column!r} holds no number above 0; expected one in every row")
    reasons = {
        row: f"{column}: {cells[row] or 'nothing'!r} is no weight"
        for row in np.flatnonzero(wrong).tolist()
    }
    return np.where(wrong, 0.0, numbers), reasons


def copies(columns: Sequence[Sequence[Cell]], unusable: Collection[int] = ()) -> dict[int, str]:
    """Rows, from 0, that are as an earlier one in all these columns, and which that is.

    Args:
        columns: The cells of each.
        unusable: Rows that are left out for another reason: none of them has a copy.

    Example:
        >>> copies([["1", "2", "1"]]), copies([["1", "2", "1"]], {0})
        ({2: 'a copy of row 1'}, {})
    """
    first: dict[tuple[object, ...], int] = {}
    found = {}
    for row, cells in enumerate(zip(*columns, strict=True)):
        if row in unusable:
            continue
        before = first.setdefault(cells, row)
        if before != row and any(cell is not None for cell in cells):
            found[row] = f"a copy of row {before + 1}"
    return found
