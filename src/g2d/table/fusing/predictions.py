"""The predictions of a model that the user has already, read from a table."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.table.fusing.own_files import of_predict
from g2d.table.reading.cells import Cell, number_of, without_points
from g2d.table.reading.formats import has_nameless_index
from g2d.table.reading.numbers import reading_of
from g2d.table.reading.numerals import Written, plain
from g2d.table.reading.source import Table, read_table
from g2d.tasks import MultiLabel, Regression, Task

logger = logging.getLogger(__name__)

ID = "id"
# As pandas and others call a column that is no prediction.
_LIKE_IDS = frozenset(["id", "index", "row", "unnamed: 0"])
# Rows in which a column of predictions is hardly made of whole numbers by chance.
_ENOUGH = 20


@dataclass(frozen=True)
class ModelPredictions:
    """The predictions of one model.

    Attributes:
        ids: Of the rows that hold something: of their id column, or their numbers from 1.
        columns: Classes or labels, in order; one column for a number.
        values: `(N, C)`, as they are written.
        listed: Those of all rows of the table, of rows without a prediction too.
        named: Whether the table has a column of ids; else a row is called by its number.
    """

    ids: list[str]
    columns: tuple[str, ...]
    values: Tensor
    listed: list[str]
    named: bool = False

    def logits(self, task: Task, probabilities: bool, least: float) -> Tensor:
        """Logits of the task, made of probabilities or of logits.

        Args:
            task: What is predicted.
            probabilities: Whether `values` are probabilities.
            least: The probability that stands for 0, which has no logarithm.
        """
        if isinstance(task, Regression):
            unit = task.scale(self.values[:, 0])
            if beyond := int(((unit < 0) | (unit > 1)).sum()):
                logger.warning(
                    "%d of %d predictions lie outside %g to %g, the range of the rows that the "
                    "ensemble was fitted on, and are cut to it",
                    *(beyond, len(unit), task.low, task.high),
                )
            return unit.logit(eps=1e-6)[:, None]
        if not probabilities:
            return self.values.float()
        shares = self.values.float().clamp(least, 1 - least)
        return shares.logit() if isinstance(task, MultiLabel) else shares.log()


def read_predictions(file: Path, id_column: str | None = None, least: int = 1) -> ModelPredictions:
    """Reads a table of probabilities or logits: a column a class, a row a sample.

    Args:
        file: The table; of one that `g2d predict` wrote, the probabilities (or the number) count.
        id_column: The column of the samples' ids; `id` where there is one, else rows are in one
            order in all tables.
        least: So many rows it must have, 0 or 1.

    Raises:
        UserError: A cell is no number, or an id comes twice or is lacking.
    """
    table = of_predict(read_table(file, least=least), (id_column or ID,))
    ids = ids_of(table, id_column)
    columns = tuple(name for name in table.columns if name not in (id_column, ID))
    if not columns:
        raise UserError(f"{file} has no column of predictions; expected one a class")
    if rows := [name for name in columns if name.casefold() in _LIKE_IDS]:
        raise UserError(
            f"{file}: {rows[0]!r} looks like a column of ids; give --id "
            f"{rows[0]!r}, or take it out of the table"
        )
    read = plain_numbers([table.columns[name] for name in columns])
    cells = list(zip(*read, strict=True))
    there = [n for n, row in enumerate(cells) if any(cell is not None for cell in row)]
    values = torch.tensor(
        [[number_of(cell) for cell in cells[row]] for row in there], dtype=torch.float64
    ).reshape(len(there), len(columns))
    if not values.isfinite().all():
        place, column = (~values.isfinite()).nonzero()[0].tolist()
        cell = cells[there[place]][column]
        hint = "where the model predicts nothing, leave all cells of the row empty"
        if cell is not None and "inf" in cell.casefold():
            hint = "for a logarithm of 0 write -30"
        raise UserError(
            f"{file}, row {there[place] + 1}: {columns[column]!r} is "
            f"{'empty' if cell is None else repr(cell)}, expected a number; {hint}"
        )
    _check_numbers(file, columns, values)
    return ModelPredictions(
        [ids[row] for row in there], columns, values, ids, has_ids(table, id_column)
    )


def _check_numbers(file: Path, columns: Sequence[str], values: Tensor) -> None:
    """Refuses a column of whole numbers among others that are none: a key, a fold, a year.

    Raises:
        UserError: There is one. A class that is only ever predicted with 0 or 1 is none.
    """
    whole = (values == values.round()).all(dim=0)
    if len(values) < _ENOUGH or whole.all():
        return
    for place in whole.nonzero().flatten().tolist():
        low, high = float(values[:, place].min()), float(values[:, place].max())
        if high > low and not 0 <= low < high <= 1:
            name = columns[place]
            raise UserError(
                f"{file}: {name!r} holds whole numbers alone ({low:g} to {high:g}), unlike other "
                f"columns; if it holds ids, give --id {name!r}, else take it out"
            )


def plain_numbers(columns: Sequence[Sequence[Cell]]) -> Sequence[Sequence[Cell]]:
    """Columns of numbers with a decimal point, where all are written with a decimal comma.

    Example:
        >>> plain_numbers([["0,25", "1"], ["0,75", "0"]])
        [['0.25', '1'], ['0.75', '0']]
        >>> plain_numbers([["1,500", "2"]])  # which may be fifteen hundred
        [['1,500', '2']]
    """
    cells = [cell for column in columns for cell in column]
    if not any(cell is not None and math.isnan(number_of(cell)) for cell in cells):
        return columns
    reading = reading_of(cells)
    if reading is None or reading.unsure or reading.written != Written(decimal=","):
        return columns
    return [[plain(cell, reading.written) for cell in column] for column in columns]


def has_ids(table: Table, id_column: str | None) -> bool:
    """Whether a table has a column of ids."""
    return id_column is not None or ID in table.columns


def ids_of(table: Table, id_column: str | None) -> list[str]:
    """The ids of the rows of a table; their numbers where it has no column of ids.

    Raises:
        UserError: An id comes twice, or a row has none; or they are in an index without a name.
    """
    name = id_column or (ID if ID in table.columns else None)
    if name is None:
        if has_nameless_index(table.folder / table.name):
            raise UserError(
                f"{table.name} has an index without a name, which holds its ids; write it "
                "as a column (df.rename_axis('id')), or drop it (df.reset_index(drop=True))"
            )
        return [str(row + 1) for row in range(len(table))]
    cells = table.column(name)
    if None in cells:
        raise UserError(
            f"{table.name}, row {cells.index(None) + 1}: {name!r} is empty, so it is not known "
            "which sample it is of; give it an id, or leave the row out"
        )
    ids = [str(cell) for cell in without_points(cells)]
    if len(set(ids)) < len(ids):
        twice = next(one for one in ids if ids.count(one) > 1)
        raise UserError(f"{table.name}: {name!r} is {twice!r} in several rows; expected one each")
    return ids


def only_column(table: Table, id_column: str | None) -> str:
    """The name of the only column beside the ids.

    Raises:
        UserError: There are several, or none.
    """
    others = [name for name in table.columns if name not in (id_column, ID)]
    if len(others) != 1:
        raise UserError(
            f"{table.name} has the columns {', '.join(others)}; give the one of the labels: "
            "--target COLUMN"
        )
    return others[0]
