"""Vectors that somebody else computed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from g2d.data.manifest.kinds.base import Array, Arrays, Field, Kind, Moments, path_in
from g2d.data.manifest.source import Cell
from g2d.errors import UserError


def read_npy(cell: str, folder: Path, ndim: int) -> Array:
    """The numbers of a `.npy` file, float32.

    Raises:
        UserError: It is missing, damaged, not made of numbers, or of another number of dimensions.
    """
    path = path_in(cell, folder)
    try:
        with path.open("rb") as stream:
            array: Array = np.lib.format.read_array(stream, allow_pickle=False)
    except (ValueError, OSError, EOFError, OverflowError, MemoryError):  # a header can say anything
        raise UserError(f"{cell!r} is no .npy file of numbers") from None
    if array.ndim != ndim or array.size == 0 or array.dtype.kind not in "fiub":
        raise UserError(
            f"{cell!r} holds {array.dtype} of shape {array.shape}, expected numbers with {ndim} "
            "dimensions"
        )
    return array.astype(np.float32)


class Features(Kind):
    """A vector a row: paths of `.npy` files, or a block of columns of numbers.

    Args:
        columns: One column of paths, or the columns of numbers in order.
    """

    name = "features"
    media = ".npy"
    ragged = True  # so that one vector of another length is reported, and not the end

    def __init__(self, columns: Sequence[str]) -> None:
        super().__init__(columns)
        self._mean = np.zeros(0)
        self._scale = np.ones(0)

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """The vector `(d,)`, float32; `nan` where a number is missing."""
        values = [cells[name] for name in self.columns]
        if all(value is None for value in values):
            return None
        if self.opens(str(values[0])):
            return read_npy(str(values[0]), folder, ndim=1)
        for name, value in zip(self.columns, values, strict=True):
            if value is not None and not _is_number(value):
                raise UserError(f"{name}: {value!r} is no number")
        return np.array([np.nan if v is None else float(v) for v in values], np.float32)

    def fields(self) -> list[Field]:
        """Numbers where there are several columns."""
        if len(self.columns) == 1:
            return [Field(self.columns[0], "file", self.media, inline="number")]
        return [Field(column, "number") for column in self.columns]

    def opens(self, cell: str) -> bool:
        """A cell of the only column that is no number."""
        return len(self.columns) == 1 and not _is_number(cell)

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
        for array in arrays():
            if len(array) == width:
                moments.add(array[None])
        self._mean, self._scale = moments.mean, moments.scale

    def refuses(self, array: Array) -> str:
        """A vector of another length than those of training."""
        if len(array) == len(self._mean):
            return ""
        return f"got a vector of {len(array)} numbers, expected {len(self._mean)} as in training"

    def finish(self, array: Array) -> Array:
        """Standardised; 0, the mean, where a number is missing."""
        standard = (array.astype(np.float64) - self._mean) / self._scale
        return np.where(np.isfinite(standard), standard, 0.0).astype(np.float32)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(d,)`."""
        return (len(self._mean),)

    @property
    def suggested(self) -> dict[str, Any]:
        """A small perceptron."""
        return {"name": "mlp", "inputs": len(self._mean), "width": 64}

    def state(self) -> dict[str, Any]:
        """Mean and standard deviation of every dimension."""
        return {"mean": self._mean.tolist(), "scale": self._scale.tolist()}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Takes them up."""
        self._mean, self._scale = np.array(state["mean"]), np.array(state["scale"])


def _is_number(cell: Cell) -> bool:
    try:
        float(str(cell))
    except ValueError:
        return False
    return True
