"""Columns of numbers, categories and dates, as one vector."""

from __future__ import annotations

import json
import logging
import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np

from g2d.errors import UserError
from g2d.table.kinds.base import Array, Arrays, Field, Kind, share, whole
from g2d.table.kinds.encoding import FITS, MAKES, READS, ends_of, fit_category, fit_date
from g2d.table.reading.cells import Cell, as_cell, number_of, numbers_of
from g2d.table.reading.dates import Written, order_of, swapped

logger = logging.getLogger(__name__)

ColumnKind = Literal["number", "category", "date"]
# Most of the cells decide what a column is: a few broken ones are what this is to survive.
MOST = 0.8


class Tabular(Kind):
    """Each column becomes a few numbers, and all of them one vector.

    A number is standardised and, where it can be missing, joined by a bit for missing. A
    category becomes one bit for each of its commonest values. A date becomes the years since the
    mean date, and sine and cosine of its places in the year, the week and the day.

    Args:
        columns: The columns.
        types: `number`, `category` or `date` of columns, found out from the training rows for
            those not given.
        categories: The most values that a category keeps.
        dates: How dates of columns are written: `day_first` (31.12.2024, 31/12/2024), `month_first`
            (12/31/2024) or `iso`; found out from all training rows for those not given. Dates as
            ISO 8601 has them are always read.
    """

    name = "tabular"
    ragged = True

    def __init__(
        self,
        columns: Sequence[str],
        types: Mapping[str, ColumnKind] | None = None,
        categories: int = 32,
        dates: Mapping[str, Written] | None = None,
    ) -> None:
        given = {"dates": dict(dates)} if dates else {}
        super().__init__(columns, types=dict(types or {}), categories=categories, **given)
        for column, written in (dates or {}).items():
            if column not in columns or written not in get_args(Written):
                raise UserError(
                    f"{self.name}: dates: got {written!r} for {column!r}, expected "
                    f"{', '.join(get_args(Written))} for one of {', '.join(columns)}"
                )
        self._dates = dict(dates or {})
        for column, kind in (types or {}).items():
            if column not in columns or kind not in ("number", "category", "date"):
                raise UserError(
                    f"{self.name}: types: got {kind!r} for {column!r}, expected number, category "
                    f"or date for one of {', '.join(columns)}"
                )
        self._types: dict[str, ColumnKind] = {**dict.fromkeys(self._dates, "date"), **(types or {})}
        self._categories = whole(self.name, "categories", categories, 1)
        self._fitted: dict[str, dict[str, Any]] = {}
        self._remembered: dict[str, dict[str, Any]] = {}

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The cells as JSON, `(n,)` uint8; `None` where all are empty."""
        values = [cells[name] for name in self.columns]
        if all(value is None for value in values):
            return None
        return np.frombuffer(json.dumps(values).encode(), np.uint8)

    def fields(self) -> list[Field]:
        """What the cells of each column hold, as fitted."""
        return [
            Field(
                name,
                self._fitted[name]["type"],
                values=tuple(self._fitted[name].get("values", ())),
                **self._remembered.get(name, {}),
            )
            for name in self.columns
        ]

    def opens(self, cell: str) -> bool:
        """`False`: no cell is a path."""
        return False

    def fit(self, arrays: Arrays) -> None:
        """Fits what each column is, and how it becomes numbers."""
        for name, cells in zip(self.columns, self._cells(arrays()), strict=True):
            kind = self._types.get(name) or kind_of_column(cells)
            if kind == "date":
                self._fitted[name] = {"type": kind, **fit_date(cells, self._written(name, cells))}
            else:
                self._fitted[name] = {"type": kind, **FITS[kind](cells, self._categories)}
            if kind == "number":
                self._remembered[name] = ends_of(cells)
            elif kind == "category":
                rare = len({*cells} - {None, *self._fitted[name]["values"]})
                self._remembered[name] = {"others": rare}

    def _cells(self, arrays: Iterable[Array]) -> list[Sequence[Cell]]:
        """The cells of some rows, column by column."""
        rows = json.loads(b"[" + b",".join(array.tobytes() for array in arrays) + b"]")
        return list(zip(*rows, strict=True)) if rows else [() for _ in self.columns]

    def _written(self, name: str, cells: Sequence[Cell]) -> Written:
        """How the dates of a column are written; warns where that is a guess."""
        if name in self._dates:
            return self._dates[name]
        order = order_of(cells)
        if order.unsure:
            logger.warning("%s", unsure_note(name, order.unsure))
        return order.written

    def remark(self, array: Array) -> str:
        """Cells that are no number or no date, where the column's are; they count as empty."""
        return self.remarks([array]).get(0, "")

    def remarks(self, arrays: Sequence[Array]) -> dict[int, str]:
        """Like `remark`, for many rows: the sentences, by position."""
        remarks: dict[int, list[str]] = defaultdict(list)
        for name, cells in zip(self.columns, self._cells(arrays), strict=True):
            fitted = self._fitted[name]
            kind = fitted["type"]
            if kind == "category" or (kind == "number" and numbers_of(cells) is not None):
                continue
            for place, cell in enumerate(cells):
                if cell is not None and not READS[kind](cell, fitted):
                    shown = cell if len(cell) <= 40 else f"{cell[:37]}..."
                    remarks[place].append(f"{name}: {shown!r} is no {kind}, taken as empty")
        return {place: "; ".join(parts) for place, parts in remarks.items()}

    def misread(self, columns: Mapping[str, Sequence[Cell]]) -> str:
        """Dates with day and month in the other order than those of training."""
        for name in self.columns:
            written = self._fitted.get(name, {}).get("written", "iso")
            if (pair := swapped(columns.get(name, ()), written)) is not None:
                first, then = ("day", "month") if written == "day_first" else ("month", "day")
                return (
                    f"{name!r} holds {pair[0]!r}, which has the {then} first, and {pair[1]!r}, "
                    f"which may have it too; the run was trained on dates with the {first} first: "
                    "write them so, or as 2024-12-31"
                )
        return ""

    def shortened(self, rows: Sequence[Mapping[str, Cell]], folder: Path) -> list[str]:
        """How many cells of categories hold a value that is too rare to be kept."""
        notes = []
        for name in self.columns:
            cells = [cell for row in rows if (cell := row[name]) is not None]
            if name in self._fitted:
                kind, kept = self._fitted[name]["type"], self._fitted[name].get("values", ())
            else:
                kind = self._types.get(name) or kind_of_column(cells)
                kept = fit_category(cells, self._categories)["values"]
            left = sum(cell not in set(kept) for cell in cells) if kind == "category" else 0
            if left:
                notes.append(
                    f"{share(left, len(cells))} cells looked at of {name!r} hold none of its "
                    f"{len(kept)} commonest values and are treated alike; a larger categories: "
                    "keeps more"
                )
        return notes

    def finish(self, array: Array) -> Array:
        """The input vector, float32."""
        vector: Array = self.finish_all([array])[0]
        return vector

    def finish_all(self, arrays: Sequence[Array]) -> Array:
        """The input vectors `(n, d)`, float32."""
        parts = [
            MAKES[self._fitted[name]["type"]](cells, self._fitted[name])
            for name, cells in zip(self.columns, self._cells(arrays), strict=True)
        ]
        vectors: Array = np.concatenate(parts, axis=1, dtype=np.float32)
        return vectors

    @property
    def names(self) -> list[str]:
        """A readable name for each number of the vector."""
        found = []
        for name in self.columns:
            fitted = self._fitted[name]
            if fitted["type"] == "category":
                found += [f"{name} is {value}" for value in fitted["values"]]
            else:
                count = MAKES[fitted["type"]]([None], fitted).shape[1]
                found += [name] if count == 1 else [f"{name} {i}" for i in range(count)]
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(d,)`."""
        return (len(self.names),)

    @property
    def suggested(self) -> dict[str, Any]:
        """The suggested encoder: a small perceptron."""
        return {"name": "mlp", "inputs": self.shape[0], "width": 64}

    def state(self) -> dict[str, Any]:
        """The fitted state, by column."""
        return {"fitted": {name: dict(fitted) for name, fitted in self._fitted.items()}}

    def remembered(self) -> dict[str, Any]:
        """The range of numbers, and how many values of categories were not kept, by column."""
        return {name: dict(about) for name, about in self._remembered.items()}

    def load_remembered(self, remembered: Mapping[str, Any]) -> None:
        """Restores the statistics from `remembered`."""
        self._remembered = {name: dict(about) for name, about in remembered.items()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores the state from `state`."""
        self._fitted = {name: dict(fitted) for name, fitted in state["fitted"].items()}
        for fitted in self._fitted.values():  # earlier versions kept `True` as CSV files have it
            if "values" in fitted:
                fitted["values"] = [as_cell(value) for value in fitted["values"]]


def kind_of_column(cells: Sequence[Cell]) -> ColumnKind:
    """The kind of most cells that are not empty (80 %; a few broken ones do not decide).

    Example:
        >>> kind_of_column(["1", "2.5", None]), kind_of_column(["2024-01-01"])
        ('number', 'date')
    """
    there = [cell for cell in cells if cell is not None]
    enough = MOST * len(there)
    if there and (
        numbers_of(there) is not None
        or sum(not math.isnan(number_of(cell)) for cell in there) >= enough
    ):
        return "number"
    if there and order_of(there).count >= enough:
        return "date"
    return "category"


def unsure_note(column: str, value: str) -> str:
    """That a column's dates can be read in two ways, and how to set the right one."""
    return (
        f"{column}: no value tells day from month ({value!r} may be either); read with the day "
        f"first; if the month comes first, add dates: {{{column}: month_first}}"
    )
