"""Reads some of a table's cells: which files open, and what of long ones is not read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from g2d.errors import UserError
from g2d.table.columns.targets import Target
from g2d.table.kinds import Kind
from g2d.table.kinds.base import share
from g2d.table.reading.cells import Cell
from g2d.table.reading.source import Table

_FILES, _CELLS = 20, 400


def opened(table: Table, kinds: Mapping[str, Kind]) -> list[str]:
    """Opens twenty files of every column of paths; what cannot be used, in sentences."""
    notes = []
    for name, kind in kinds.items():
        failed: dict[int, str] = {}
        looked = 0
        for row in _spread(table, kind, _FILES):
            cells = table.row(row)
            if not kind.files(cells, table.folder):
                continue
            looked += 1
            try:
                kind.decode(cells, table.folder)
            except UserError as error:
                failed[row] = str(error)
        if failed:
            row, why = next(iter(failed.items()))
            notes.append(
                f"{name}: of {looked} files opened, {len(failed)} cannot be used "
                f"(first: row {row + 1}: {why})"
            )
    return notes


class Shortened(str):
    """A sentence on what is cut off; training reports the same for its own rows."""


def shortened(table: Table, kinds: Mapping[str, Kind]) -> list[Shortened]:
    """Sentences on long cells that are read in part, with their share, from some hundred cells."""
    notes = []
    for name, kind in kinds.items():
        rows = [table.row(row) for row in _spread(table, kind, _CELLS)]
        notes += [
            Shortened(f"{name}: {sentence}") for sentence in kind.shortened(rows, table.folder)
        ]
    return notes


def _spread(table: Table, kind: Kind, count: int) -> list[int]:
    """So many rows that have a modality, evenly spread over a table."""
    columns = [table.column(name) for name in kind.columns]
    places = np.linspace(0, len(table) - 1, min(10 * count, len(table))).round().astype(int)
    rows = [row for row in places.tolist() if any(cells[row] is not None for cells in columns)]
    chosen = np.linspace(0, len(rows) - 1, min(count, len(rows))).round().astype(int)
    return [rows[place] for place in chosen.tolist()]


def unlabelled(target: Target, cells: Sequence[Cell]) -> list[str]:
    """How many rows of several labels have an empty cell, and how to write that they have none.

    Args:
        target: Any.
        cells: Of its column.

    Example:
        >>> from g2d.table.columns.targets import read_target
        >>> cells = ["wet|cold", "wet", None, "none"]
        >>> unlabelled(read_target(cells, "sky"), cells)[0][:36]
        '1 of 4 (25 %) rows have an empty cel'
    """
    empty = sum(cell is None for cell in cells)
    if target.task != "multilabel" or not empty:
        return []
    return [
        f"{share(empty, len(cells))} rows have an empty cell in the place of labels: these are not "
        "known, and the rows are left out; where a row has no label, write none or []"
    ]
