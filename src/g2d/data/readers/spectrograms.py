"""Spectrograms, whole or a stretch of them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.store import StoredArray
from g2d.errors import UserError


class SpectrogramReader:
    """Spectrograms as pictures of one channel.

    Args:
        array: `(N, F, T)`, of either float type.
        columns: Length of the stretch that is read; all of it when not given.
        augment: Whether the stretch begins anywhere; if not, it is the middle one.

    Raises:
        UserError: There are fewer columns.

    Example:
        >>> ramp = np.arange(6, dtype=np.float16).reshape(1, 1, 6)
        >>> SpectrogramReader(ramp, columns=2).read(np.array([0]))
        tensor([[[[2., 3.]]]])
    """

    reads_files = True

    def __init__(
        self,
        array: StoredArray | NDArray[np.floating],
        columns: int | None = None,
        augment: bool = False,
    ) -> None:
        self._array = array
        length = array.shape[2]
        self._columns = length if columns is None else columns
        if not 1 <= self._columns <= length:
            raise UserError(f"got columns={columns} of spectrograms with {length}; expected fewer")
        self._spare = length - self._columns
        self.augments = augment and self._spare > 0

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of one spectrogram as it is read."""
        return 1, int(self._array.shape[1]), self._columns

    def plain(self) -> SpectrogramReader:
        """The middle stretch of the same spectrograms."""
        return SpectrogramReader(self._array, self._columns)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Reads spectrograms, `(B, 1, F, columns)` float32."""
        if self.augments:
            starts = torch.randint(self._spare + 1, (len(rows),)).tolist()
        else:
            starts = [self._spare // 2] * len(rows)
        batch = torch.empty(len(rows), *self.shape)
        for place, (row, start) in enumerate(zip(rows.tolist(), starts, strict=True)):
            stretch = np.array(self._array[row, :, start : start + self._columns])
            batch[place, 0] = torch.from_numpy(stretch)
        return batch
