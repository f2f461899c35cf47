"""Rows of an array as they are stored."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.store import StoredArray


class PlainReader:
    """Rows of an array, as float32.

    Args:
        array: `(N, ...)`, row i of it being sample i of the store.

    Example:
        >>> PlainReader(np.arange(6).reshape(3, 2)).read(np.array([2, 0]))
        tensor([[4., 5.],
                [0., 1.]])
    """

    augments = False

    def __init__(self, array: StoredArray | NDArray[np.generic]) -> None:
        self._array = array

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Those rows, `(B, ...)` float32."""
        return torch.from_numpy(np.array(self._array[rows], dtype=np.float32))
