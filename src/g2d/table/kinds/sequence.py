"""Sequences of vectors."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np

from g2d.errors import UserError
from g2d.table.kinds.base import Array, Arrays, Field, Kind, one_column, share, whole
from g2d.table.kinds.features import read_csv, read_npy
from g2d.table.kinds.lists import is_list, numbers_listed
from g2d.table.kinds.moments import Moments, standardised
from g2d.table.kinds.paths import named
from g2d.table.reading.cells import Cell


class SequenceOfVectors(Kind):
    """Arrays `(T, d)`: paths of `.npy` or CSV files, or lists of lists of numbers.

    A CSV file has one step a row; its first row may name the columns.

    Padded at the end with zeros; a step of zeros alone is padding to the encoders that mask.

    Args:
        columns: One column.
        length: Steps to keep; as many as 95 % of the training rows have, and at most 512, when
            not given.
    """

    name = "sequence"
    summary = "over_time"
    media = ".npy"
    ragged = True

    def __init__(self, columns: Sequence[str], length: int | None = None) -> None:
        super().__init__(columns, length=length)
        self._column = one_column(self.name, columns)
        self._given = None if length is None else whole(self.name, "length", length, 1)
        self._length = self._given
        self._mean = np.zeros(0)
        self._scale = np.ones(0)

    def files(self, cells: Mapping[str, Cell], folder: Path) -> list[Path]:
        """The `.npy` file, where the cell is no list."""
        cell = cells[self._column]
        return [] if cell is None or is_list(cell) else named(cell, folder)

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """Decodes an array `(T, d)`, float32."""
        cell = cells[self._column]
        if cell is None:
            return None
        if is_list(cell):
            return numbers_listed(cell, 2)
        if cell.lower().endswith((".csv", ".tsv")):
            return read_csv(cell, folder)
        return read_npy(cell, folder, ndim=2)

    def fields(self) -> list[Field]:
        """A file, or the vectors themselves."""
        return [Field(self._column, "file", self.media, inline="vectors")]

    def opens(self, cell: str) -> bool:
        """A cell that is no list."""
        return not is_list(cell)

    def fit(self, arrays: Arrays) -> None:
        """Width, length, and mean and standard deviation of every dimension.

        Raises:
            UserError: There is no sequence.
        """
        shapes = [array.shape for array in arrays()]
        if not shapes:
            raise UserError(f"{self.name}: no training row has {self._column}")
        width = int(np.bincount([shape[1] for shape in shapes]).argmax())
        moments = Moments(width)
        for array in arrays():
            if array.shape[1] == width:
                moments.add(array)
        self._mean, self._scale = moments.mean, moments.scale
        self._length = self._given
        if self._length is None:
            self._length = self._fitting([shape[0] for shape in shapes])

    @staticmethod
    def _fitting(lengths: Sequence[int]) -> int:
        return int(min(512, max(1, np.quantile(lengths, 0.95)))) if lengths else 1

    def shortened(self, rows: Sequence[Mapping[str, Cell]], folder: Path) -> list[str]:
        """How many sequences are longer than `length`."""
        lengths = []
        for row in rows:
            with suppress(UserError):  # what cannot be read is reported elsewhere
                array = self.decode(row, folder)
                lengths += [] if array is None else [len(array)]
        limit = self._length or self._fitting(lengths)
        longer = sum(length > limit for length in lengths)
        if not longer:
            return []
        return [
            f"{share(longer, len(lengths))} sequences looked at are longer than the {limit} steps "
            f"that are read; length: {max(lengths)} reads them whole"
        ]

    def refuses(self, array: Array) -> str:
        """Vectors of another length than those of training."""
        width = len(self._mean)
        if array.shape[1] == width:
            return ""
        return f"got vectors of {array.shape[1]} numbers, expected {width} as in training"

    def finish(self, array: Array) -> Array:
        """Standardised and padded `(length, d)`; numbers that are missing become the mean."""
        padded = np.zeros(self.shape, np.float32)
        kept = array[: self.shape[0]]
        padded[: len(kept)] = standardised(kept, self._mean, self._scale)
        return padded

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(length, d)`."""
        return (self._length or 1, len(self._mean))

    @property
    def suggested(self) -> dict[str, Any]:
        """The suggested encoder: a small transformer."""
        small = {"width": 64, "heads": 4, "layers": 2, "feedforward": 128}
        return {"name": "transformer", "inputs": len(self._mean), **small}

    def state(self) -> dict[str, Any]:
        """The fitted state."""
        return {
            "mean": self._mean.tolist(),
            "scale": self._scale.tolist(),
            "length": self._length,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores the state from `state`."""
        self._mean, self._scale = np.array(state["mean"]), np.array(state["scale"])
        self._length = int(state["length"])
