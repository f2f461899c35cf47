"""Columns of numbers, categories and dates, as one vector."""

from __future__ import annotations

import json
import logging
import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError
from g2d.table.kinds.base import Array, Arrays, Field, Kind, whole
from g2d.table.kinds.moments import Moments
from g2d.table.reading.cells import Cell, as_cell, number_of, numbers_of
from g2d.table.reading.dates import Written, order_of, read_date

logger = logging.getLogger(__name__)

ColumnKind = Literal["number", "category", "date"]
_YEAR = 365.25 * 24 * 3600
# Most of the cells decide what a column is: a few broken ones are what this is to survive.
MOST = 0.8


class Tabular(Kind):
    """Each column becomes a few numbers, and all of them one vector.

    A number is standardised and, where it can be missing, joined by a bit that says so. A
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

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The cells as JSON, `(n,)` uint8; `None` where all are empty."""
        values = [cells[name] for name in self.columns]
        if all(value is None for value in values):
            return None
        return np.frombuffer(json.dumps(values).encode(), np.uint8)

    def fields(self) -> list[Field]:
        """What each column was found to be."""
        return [
            Field(
                name, self._fitted[name]["type"], values=tuple(self._fitted[name].get("values", ()))
            )
            for name in self.columns
        ]

    def opens(self, cell: str) -> bool:
        """No cell is a path."""
        return False

    def fit(self, arrays: Arrays) -> None:
        """What each column is, and what it takes to make numbers of it."""
        for name, cells in zip(self.columns, self._cells(arrays()), strict=True):
            kind = self._types.get(name) or kind_of_column(cells)
            if kind == "date":
                self._fitted[name] = {"type": kind, **_fit_date(cells, self._written(name, cells))}
            else:
                self._fitted[name] = {"type": kind, **_FITS[kind](cells, self._categories)}

    def _cells(self, arrays: Iterable[Array]) -> list[Sequence[Cell]]:
        """The cells of some rows, column by column."""
        rows = json.loads(b"[" + b",".join(array.tobytes() for array in arrays) + b"]")
        return list(zip(*rows, strict=True)) if rows else [() for _ in self.columns]

    def _written(self, name: str, cells: Sequence[Cell]) -> Written:
        """How the dates of a column are written; says so where that is a guess."""
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
        """As `remark`, of many rows, by their places."""
        said: dict[int, list[str]] = defaultdict(list)
        for name, cells in zip(self.columns, self._cells(arrays), strict=True):
            fitted = self._fitted[name]
            kind = fitted["type"]
            if kind == "category" or (kind == "number" and numbers_of(cells) is not None):
                continue
            for place, cell in enumerate(cells):
                if cell is not None and not _READS[kind](cell, fitted):
                    shown = cell if len(cell) <= 40 else f"{cell[:37]}..."
                    said[place].append(f"{name}: {shown!r} is no {kind}, taken as empty")
        return {place: "; ".join(parts) for place, parts in said.items()}

    def finish(self, array: Array) -> Array:
        """The vector, float32."""
        vector: Array = self.finish_all([array])[0]
        return vector

    def finish_all(self, arrays: Sequence[Array]) -> Array:
        """The vectors `(n, d)`, float32."""
        parts = [
            _MAKES[self._fitted[name]["type"]](cells, self._fitted[name])
            for name, cells in zip(self.columns, self._cells(arrays), strict=True)
        ]
        vectors: Array = np.concatenate(parts, axis=1, dtype=np.float32)
        return vectors

    @property
    def names(self) -> list[str]:
        """What each number of the vector is of, for people."""
        found = []
        for name in self.columns:
            fitted = self._fitted[name]
            if fitted["type"] == "category":
                found += [f"{name} is {value}" for value in fitted["values"]]
            else:
                count = _MAKES[fitted["type"]]([None], fitted).shape[1]
                found += [name] if count == 1 else [f"{name} {i}" for i in range(count)]
        return found

    @property
    def shape(self) -> tuple[int, ...]:
        """`(d,)`."""
        return (len(self.names),)

    @property
    def suggested(self) -> dict[str, Any]:
        """A small perceptron."""
        return {"name": "mlp", "inputs": self.shape[0], "width": 64}

    def state(self) -> dict[str, Any]:
        """What was fitted, by column."""
        return {"fitted": {name: dict(fitted) for name, fitted in self._fitted.items()}}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores what `state` gave."""
        self._fitted = {name: dict(fitted) for name, fitted in state["fitted"].items()}
        for fitted in self._fitted.values():  # earlier versions kept `True` as CSV files have it
            if "values" in fitted:
                fitted["values"] = [as_cell(value) for value in fitted["values"]]


def kind_of_column(cells: Sequence[Cell]) -> ColumnKind:
    """What most of the cells that are not empty are (80 %; a few broken ones do not decide).

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
    """That a column's dates can be read in two ways, and how to say which is meant."""
    return (
        f"{column}: no value tells day from month ({value!r} may be either); read with the day "
        f"first; if the month comes first, add dates: {{{column}: month_first}}"
    )


def _fit_number(cells: Sequence[Cell], categories: int) -> dict[str, Any]:
    values = _numbers(cells)
    moments = Moments(1)
    moments.add(values[:, None])
    return {
        "mean": moments.mean.item(),
        "scale": moments.scale.item(),
        "gaps": bool(np.isnan(values).any()),
    }


def _numbers(cells: Sequence[Cell]) -> NDArray[np.float64]:
    """Of a column; `nan` where there is none."""
    quick = numbers_of(cells)
    if quick is not None:
        return np.array(quick, np.float64)
    return np.array([number_of(cell) for cell in cells], np.float64)


def _make_number(cells: Sequence[Cell], fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    values = _numbers(cells)
    missing = np.isnan(values)
    standard = np.where(missing, 0.0, (values - fitted["mean"]) / fitted["scale"])
    standard = standard.clip(-10.0, 10.0)  # a slip of the pen must not drown the others
    return np.stack([standard, missing] if fitted["gaps"] else [standard], axis=1)


def _fit_category(cells: Sequence[Cell], categories: int) -> dict[str, Any]:
    counts = Counter(cell for cell in cells if cell is not None)
    common = sorted(counts, key=lambda value: (-counts[value], value))[:categories]
    return {"values": sorted(common)}


def _make_category(cells: Sequence[Cell], fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    places = {value: place for place, value in enumerate(fitted["values"])}
    found = np.array([-1 if cell is None else places.get(cell, -1) for cell in cells])
    bits: NDArray[np.bool_] = found[:, None] == np.arange(len(places))
    return bits.astype(np.float64)


def _fit_date(cells: Sequence[Cell], written: Written) -> dict[str, Any]:
    dates = [read_date(cell, written) for cell in cells]
    stamps = [found.timestamp() for found in dates if found is not None]
    mean = float(np.mean(stamps)) if stamps else 0.0
    return {"mean": mean} if written == "iso" else {"mean": mean, "written": written}


def _make_dates(cells: Sequence[Cell], fitted: Mapping[str, Any]) -> NDArray[np.float64]:
    made = {cell: _make_date(cell, fitted) for cell in set(cells)}
    return np.array([made[cell] for cell in cells])


def _make_date(cell: Cell, fitted: Mapping[str, Any]) -> list[float]:
    found = read_date(cell, fitted.get("written", "iso"))
    if found is None:
        return [0.0] * 7
    years = (found.timestamp() - fitted["mean"]) / _YEAR
    day = (found.hour * 3600 + found.minute * 60 + found.second) / 86400
    places = (found.timetuple().tm_yday / 365.25, found.weekday() / 7, day)
    circle = [f(2 * math.pi * place) for place in places for f in (math.sin, math.cos)]
    return [max(-10.0, min(10.0, years)), *circle]


# Whether a cell can be read as what its column is.
_READS: dict[str, Callable[[str, Mapping[str, Any]], bool]] = {
    "number": lambda cell, fitted: not math.isnan(number_of(cell)),
    "date": lambda cell, fitted: read_date(cell, fitted.get("written", "iso")) is not None,
    "category": lambda cell, fitted: True,
}
_FITS = {"number": _fit_number, "category": _fit_category}
_MAKES = {"number": _make_number, "category": _make_category, "date": _make_dates}
