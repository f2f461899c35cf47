"""Pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from g2d.data.manifest.cells import Cell
from g2d.data.manifest.kinds.base import Array, Kind, one_column, whole
from g2d.data.manifest.kinds.paths import path_in
from g2d.data.pictures import picture_bytes, read_picture
from g2d.errors import UserError


class Image(Kind):
    """Paths of pictures, any format that Pillow reads.

    Args:
        columns: One column of paths.
        side: Height and width that every picture is resized to, in pixels.
        grey: One channel in the place of three.
    """

    name = "image"
    media = "image/*"
    paths = True

    def __init__(self, columns: Sequence[str], side: int = 64, grey: bool = False) -> None:
        super().__init__(columns, side=side, grey=grey)
        self._column = one_column(self.name, columns)
        if not isinstance(grey, bool):
            raise UserError(f"{self.name}: got grey={grey!r}, expected true or false")
        self.side, self.grey = whole(self.name, "side", side, 8), grey

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
        """Channels first, from -1 to 1."""
        return np.moveaxis(array.astype(np.float32) / 127.5 - 1, 2, 0)

    def unpacked(self, path: Path) -> int:
        """Of the whole picture, which is read before it is resized."""
        return picture_bytes(path)

    @property
    def shape(self) -> tuple[int, ...]:
        """`(channels, side, side)`."""
        return (1 if self.grey else 3, self.side, self.side)

    @property
    def suggested(self) -> dict[str, Any]:
        """A small convolutional network."""
        return {"name": "small_cnn", "channels": self.shape[0]}
