"""Options of a recipe for single rows: their weights, and that copies are left out."""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError
from g2d.table.kinds.base import share
from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.source import Table

logger = logging.getLogger(__name__)


def weights_of(table: Table, column: str | None) -> NDArray[np.float64] | None:
    """The weight of every row; 0, by which it is not trained on, where the cell is none.

    Raises:
        UserError: There is no such column, no weight above 0 in it, or one below 0.
    """
    if column is None:
        return None
    numbers = np.array([number_of(cell) for cell in table.column(column)], np.float64)
    if len(below := np.flatnonzero(numbers < 0)):
        raise UserError(
            f"weight: {column!r} holds {numbers[below[0]]:g} in row {below[0] + 1}, and "
            f"{share(len(below), len(numbers))} rows are below 0; expected 0 or more: 0 leaves a "
            "row out of training"
        )
    if not (numbers > 0).any():
        raise UserError(f"weight: {column!r} holds no number above 0; expected one in every row")
    return np.where(np.isnan(numbers), 0.0, numbers)


def weighed(
    table: Table,
    column: str | None,
    weights: NDArray[np.float64] | None,
    train: NDArray[np.int64],
) -> tuple[NDArray[np.int64], dict[int, str]]:
    """The training rows with a weight, and those, from 0, without one, with the reason.

    Rows that validate or test need none, and so are not asked about.
    """
    if weights is None or column is None:
        return train, {}
    cells = table.column(column)
    lost = train[weights[train] == 0]
    if not len(lost):
        return train, {}
    empty = sum(cells[row] is None for row in lost.tolist())
    zero = sum(number_of(cells[row]) == 0 for row in lost.tolist())
    logger.warning(
        "%s: %s training rows have no weight above 0 in %r (%d empty, %d of 0, %d no numbers) and "
        "are not trained on; rows to validate and test on need none",
        *(table.name, share(len(lost), len(train)), column, empty, zero, len(lost) - empty - zero),
    )
    why = {row: f"{column}: {cells[row] or 'nothing'!r} is no weight" for row in lost.tolist()}
    return train[weights[train] > 0], why


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
