"""Pictures, stored as bytes and normalised as they are read."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.store import StoredArray


class PictureReader:
    """Pictures scaled to [0, 1], less the mean and over the standard deviation of each channel.

    Args:
        array: `(N, H, W, C)` uint8.
        mean: Of each channel, in [0, 1].
        std: Of each channel.

    Example:
        >>> black = np.zeros((1, 2, 2, 3), np.uint8)
        >>> read = PictureReader(black, (0.5, 0.5, 0.5), (0.25, 0.5, 1.0)).read(np.array([0]))
        >>> read.shape, read[0, :, 0, 0]
        (torch.Size([1, 3, 2, 2]), tensor([-2.0000, -1.0000, -0.5000]))
    """

    augments = False
    reads_files = True

    def __init__(
        self,
        array: StoredArray | NDArray[np.uint8],
        mean: Sequence[float],
        std: Sequence[float],
    ) -> None:
        self._array = array
        self._mean = torch.tensor(mean).view(-1, 1, 1)
        self._std = torch.tensor(std).view(-1, 1, 1)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Reads pictures, `(B, C, H, W)` float32."""
        pixels = torch.from_numpy(np.array(self._array[rows])).permute(0, 3, 1, 2)
        return (pixels / 255 - self._mean) / self._std
