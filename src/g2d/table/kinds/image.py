"""Pictures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from g2d.data.pictures import picture_bytes, read_picture
from g2d.errors import UserError
from g2d.table.kinds.base import Array, Kind, one_column, whole
from g2d.table.kinds.paths import path_in
from g2d.table.kinds.published_pictures import wanted_by
from g2d.table.reading.cells import Cell


class Image(Kind):
    """Paths of pictures, any format that Pillow reads.

    Args:
        columns: One column of paths.
        side: Height and width that every picture is resized to, in pixels; 64 when not given.
        grey: One channel in the place of three.
        mean: Of each channel, subtracted from pixels that are numbers from 0 to 1; 0.5 when not
            given.
        std: Of each channel, by which the rest is divided; 0.5 when not given.
        model: A published model of timm or transformers, by its folder or its name in the local
            Hugging Face cache: `side`, `mean` and `std` are its own where they are not given.
    """

    name = "image"
    summary = "thumbnails"
    media = "image/*"
    paths = True

    def __init__(
        self,
        columns: Sequence[str],
        side: int | None = None,
        grey: bool = False,
        mean: Sequence[float] | None = None,
        std: Sequence[float] | None = None,
        model: str | None = None,
    ) -> None:
        super().__init__(columns, side=64 if side is None else side, grey=grey)
        self._column = one_column(self.name, columns)
        if not isinstance(grey, bool):
            raise UserError(f"{self.name}: got grey={grey!r}, expected true or false")
        self.side, self.grey = whole(self.name, "side", self.options["side"], 8), grey
        self._side_given, self._model = side is not None, model
        self._library = ""
        self._mean, self._std = self._channels("mean", mean), self._channels("std", std)
        if self._std is not None and min(self._std) <= 0:
            raise UserError(f"{self.name}: got std={list(self._std)}, expected numbers above 0")

    def check(self) -> None:
        """Takes over what the model wants, where it is not given.

        Raises:
            UserError: There is no such model, or it does not declare them.
        """
        if self._model is None:
            return
        wanted = wanted_by(str(self._model))
        if not self._side_given:
            self.side = self.options["side"] = wanted.side
        if self._mean is None:
            self._mean = self._channels("mean", self._few(wanted.mean))
        if self._std is None:
            self._std = self._channels("std", self._few(wanted.std))
        self._library = wanted.library

    def _few(self, values: Sequence[float]) -> Sequence[float]:
        """Of a grey picture, the mean of the channels' values."""
        return [sum(values) / len(values)] if self.grey else values

    def _channels(self, name: str, values: Sequence[float] | None) -> tuple[float, ...] | None:
        if values is None:
            return None
        count = self.shape[0]
        wanted = f"expected {'one number' if self.grey else 'three numbers'} in a list"
        if not isinstance(values, list | tuple) or len(values) != count:
            raise UserError(f"{self.name}: got {name}={values!r}, {wanted}")
        if not all(type(value) in (int, float) and math.isfinite(value) for value in values):
            raise UserError(f"{self.name}: got {name}={values!r}, {wanted}")
        return tuple(float(value) for value in values)

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """Pixels `(side, side, 3)` or `(side, side, 1)`, uint8."""
        cell = cells[self._column]
        if cell is None:
            return None
        picture = read_picture(path_in(cell, folder), self.side)
        if not self.grey:
            return picture
        luma = np.dot(picture, [0.299, 0.587, 0.114])  # ITU-R BT.601
        return np.asarray(luma.round(), np.uint8)[:, :, None]

    def finish(self, array: Array) -> Array:
        """Channels first, from -1 to 1 or standardised by `mean` and `std`."""
        if self._mean is None and self._std is None:
            return np.moveaxis(array.astype(np.float32) / 127.5 - 1, 2, 0)
        mean = np.array(self._mean or (0.5,), np.float32)
        std = np.array(self._std or (0.5,), np.float32)
        return np.moveaxis((array.astype(np.float32) / 255 - mean) / std, 2, 0)

    def unpacked(self, path: Path) -> int:
        """Bytes of the whole picture, which is read before it is resized."""
        return picture_bytes(path)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(channels, side, side)`."""
        return (1 if self.grey else 3, self.side, self.side)

    @property
    def suggested(self) -> dict[str, Any]:
        """A small convolutional network, or the model whose pictures these are."""
        if not self._library:
            return {"name": "small_cnn", "channels": self.shape[0]}
        found = {"name": self._library, "model": str(self._model), "width": 64}
        return {**found, "channels": self.shape[0]} if self._library == "timm" else found

    def state(self) -> dict[str, Any]:
        """Mean and standard deviation, where they are not the usual ones."""
        given = {"mean": self._mean, "std": self._std}
        return {name: list(values) for name, values in given.items() if values is not None}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores the fitted state."""
        self._mean = self._channels("mean", state.get("mean"))
        self._std = self._channels("std", state.get("std"))
