"""Precomputed feature vectors."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from g2d.errors import UserError
from g2d.table.kinds.base import Array, Arrays, Field, Kind
from g2d.table.kinds.lists import checked, is_list, numbers_listed
from g2d.table.kinds.moments import Moments, standardised
from g2d.table.kinds.paths import named, path_in
from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.delimited import delimited, encoding_of
from g2d.table.reading.numbers import Reading, reading_of
from g2d.table.reading.numerals import Written, parts_of, plain

# Rows that are read at once.
_TOGETHER = 4096


def read_npy(cell: str, folder: Path, ndim: int) -> Array:
    """The numbers of a `.npy` file, float32.

    Raises:
        UserError: It is missing, damaged, not made of numbers, or of another number of dimensions.
    """
    path = path_in(cell, folder)
    try:
        with path.open("rb") as stream:
            array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    except Exception:  # a header can hold anything, and numpy raises nearly any error for it
        array = np.zeros(0, object)
    if not isinstance(array, np.ndarray) or array.dtype.kind == "O":
        raise UserError(f"{cell!r} is no .npy file of numbers")
    return checked(array, repr(cell), ndim)


def read_csv(cell: str, folder: Path) -> Array:
    """The numbers of a CSV file, float32 `(T, d)`; `nan` where a cell is no number.

    Its decimal mark, and a mark between thousands, are read off all of its cells.

    Raises:
        UserError: It is missing, no table, or holds no number.
    """
    path = path_in(cell, folder)
    rows = list(delimited(path, _separator(path)))
    if rows and all(parts_of(value) is None for value in rows[0]):
        rows = rows[1:]  # the names of the columns
    # one program wrote them all, with the same marks
    reading = reading_of([value for row in rows for value in row])
    if reading not in (None, Reading(Written())):
        rows = [[plain(value, reading.written) or "" for value in row] for row in rows]
    array = np.array([[number_of(value) for value in row] for row in rows], np.float64)
    if array.ndim != 2 or not np.isfinite(array).any():
        raise UserError(f"{cell!r} is no CSV file of numbers")
    return checked(array, repr(cell), 2)


def _separator(path: Path) -> str | None:
    """A sign that no number holds, where there is one in every line: a comma may be decimal."""
    with path.open(encoding=encoding_of(path), errors="replace") as stream:
        lines = list(islice(stream, 50))
    return next((sign for sign in "\t;|" if lines and all(sign in line for line in lines)), None)


class Features(Kind):
    """A vector a row: paths of `.npy` files, lists of numbers, or a block of columns of numbers.

    Args:
        columns: One column of paths or lists, or the columns of numbers in order.
    """

    name = "features"
    media = ".npy"
    ragged = True  # so that one vector of another length is reported, and not the end

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(columns)
        self._mean = np.zeros(0)
        self._scale = np.ones(0)
        self._ends: list[list[float]] = []

    def files(self, cells: Mapping[str, Cell], folder: Path) -> list[Path]:
        """The `.npy` file, where the cell is neither a list nor a number."""
        cell = cells[self.columns[0]] if len(self.columns) == 1 else None
        if cell is None or not self.opens(cell):
            return []
        return named(cell, folder)

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The vector `(d,)`; `nan` where a number is missing.

        Float32, but float64 of columns of numbers, which are not standardised yet: moments in
        milliseconds, for example, have more digits than float32 holds.
        """
        values = [cells[name] for name in self.columns]
        if all(value is None for value in values):
            return None
        if len(values) == 1 and math.isnan(number_of(values[0])):
            cell = str(values[0])
            return numbers_listed(cell, 1) if is_list(cell) else read_npy(cell, folder, ndim=1)
        numbers = [number_of(value) for value in values]
        for name, value, number in zip(self.columns, values, numbers, strict=True):
            if value is not None and math.isnan(number):
                raise UserError(f"{name}: {value!r} is no number")
        with np.errstate(over="ignore"):  # too large a number is none
            return np.array(numbers).astype(np.float32 if len(numbers) == 1 else np.float64)

    def fields(self) -> list[Field]:
        """Numbers where there are several columns."""
        if len(self.columns) == 1:
            return [Field(self.columns[0], "file", self.media, inline="number")]
        known: Sequence[list[float] | None] = self._ends or [None] * len(self.columns)
        pairs = zip(self.columns, known, strict=True)
        return [Field(column, "number", ends=ends) for column, ends in pairs]

    def opens(self, cell: str) -> bool:
        """A cell of the only column that is no number and no list."""
        return len(self.columns) == 1 and not is_list(cell) and math.isnan(number_of(cell))

    def fit(self, arrays: Arrays) -> None:
        """The commonest length, and mean and standard deviation of every dimension.

        Raises:
            UserError: There is no vector.
        """
        lengths = [len(array) for array in arrays()]
        if not lengths:
            raise UserError(f"{self.name}: no training row has {', '.join(self.columns)}")
        width = int(np.bincount(lengths).argmax())
        moments = Moments(width)
        low, high = np.full(width, np.nan), np.full(width, np.nan)
        fitting = (array for array in arrays() if len(array) == width)
        while part := list(islice(fitting, _TOGETHER)):
            together = np.array(part, np.float64)
            moments.add_each(together)
            low = np.fmin(low, np.fmin.reduce(together))
            high = np.fmax(high, np.fmax.reduce(together))
        self._mean, self._scale = moments.mean, moments.scale
        known = len(self.columns) > 1 and bool(np.isfinite(low).all() and np.isfinite(high).all())
        self._ends = np.stack([low, high], axis=1).tolist() if known else []

    def refuses(self, array: Array) -> str:
        """A vector of another length than those of training."""
        if len(array) == len(self._mean):
            return ""
        return f"got a vector of {len(array)} numbers, expected {len(self._mean)} as in training"

    def finish(self, array: Array) -> Array:
        """Standardised; 0, the mean, where a number is missing."""
        return standardised(array, self._mean, self._scale).astype(np.float32)

    def finish_all(self, arrays: Sequence[Array]) -> Array:
        """Like `finish`, for many rows at once."""
        return self.finish(np.array(arrays, np.float64).reshape(len(arrays), *self.shape))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(d,)`."""
        return (len(self._mean),)

    @property
    def suggested(self) -> dict[str, Any]:
        """The suggested encoder: a small perceptron."""
        return {"name": "mlp", "inputs": len(self._mean), "width": 64}

    def state(self) -> dict[str, Any]:
        """Mean and standard deviation of every dimension."""
        return {"mean": self._mean.tolist(), "scale": self._scale.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores the fitted state."""
        self._mean, self._scale = np.array(state["mean"]), np.array(state["scale"])

    def remembered(self) -> dict[str, Any]:
        """The smallest and the largest number of every column, where there are several."""
        return {"ends": self._ends} if self._ends else {}

    def load_remembered(self, remembered: Mapping[str, Any]) -> None:
        """Restores the statistics from `remembered`."""
        self._ends = [list(pair) for pair in remembered.get("ends", [])]
