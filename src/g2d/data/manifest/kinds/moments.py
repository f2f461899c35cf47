"""Mean and standard deviation of what the training rows hold."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.generic]
# Whose squares can be summed.
_HUGE = 1e100
# Standard deviations from the mean; beyond is a fault of the data, and must still be a number.
_FAR = 1e6


class Moments:
    """Mean and standard deviation of numbers that come array by array.

    What is no finite number is left out, and so is what is so large that its square is none.

    Example:
        >>> moments = Moments(2)
        >>> moments.add(np.array([[1.0, 5.0], [3.0, np.nan]]))
        >>> moments.mean.tolist(), moments.scale.tolist()
        ([2.0, 5.0], [1.0, 1.0])
    """

    def __init__(self, width: int) -> None:
        self._count, self._sum, self._square = np.zeros((3, width))
        self._shift: NDArray[np.float64] | None = None

    def add(self, values: Array) -> None:
        """Rows `(n, width)`."""
        rows = np.asarray(values, dtype=np.float64)
        known = np.abs(rows) < _HUGE  # not of nan
        if self._shift is None and known.any():  # keeps the squares from swallowing the digits
            first = np.argmax(known, axis=0)
            picked = rows[first, np.arange(rows.shape[1])]
            self._shift = np.where(known.any(axis=0), picked, 0.0)
        if self._shift is None:
            return
        shifted = np.where(known, rows - self._shift, 0.0)
        self._count += known.sum(axis=0)
        self._sum += shifted.sum(axis=0)
        self._square += (shifted**2).sum(axis=0)

    @property
    def mean(self) -> NDArray[np.float64]:
        """0 where nothing was seen."""
        shift = 0.0 if self._shift is None else self._shift
        seen = self._count > 0
        return np.where(seen, shift + self._sum / np.maximum(self._count, 1), 0.0)

    @property
    def scale(self) -> NDArray[np.float64]:
        """The standard deviation; 1 where there is none to divide by."""
        count = np.maximum(self._count, 1)
        variance = self._square / count - (self._sum / count) ** 2
        deviation = np.sqrt(np.maximum(variance, 0.0))
        # what rounding alone makes of a constant is no deviation
        return np.where(deviation > 1e-14 * np.abs(self.mean), deviation, 1.0)


def standardised(
    values: Array, mean: NDArray[np.float64], scale: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(x - mean) / scale; 0, which is the mean, where there is no number.

    Example:
        >>> standardised(np.array([3.0, np.nan]), np.array([1.0, 1.0]), np.array([4.0, 4.0]))
        array([0.5, 0. ])
    """
    numbers = np.asarray(values, dtype=np.float64)
    known = np.abs(numbers) < _HUGE
    standard = (np.where(known, numbers, mean) - mean) / scale
    return np.clip(standard, -_FAR, _FAR)
