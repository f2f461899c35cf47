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
        self._count, self._mean, self._squares = np.zeros((3, width))

    def add(self, values: Array) -> None:
        """Rows `(n, width)`.

        Moments of parts are put together by the formula of Chan, Golub and LeVeque (1983), which
        keeps the digits of numbers that are large and differ little.
        """
        rows = np.asarray(values, dtype=np.float64)
        known = np.abs(rows) < _HUGE  # not of nan
        count = known.sum(axis=0)
        mean = np.where(known, rows, 0.0).sum(axis=0) / np.maximum(count, 1)
        squares = np.square(np.where(known, rows - mean, 0.0)).sum(axis=0)
        total = np.maximum(self._count + count, 1)
        apart = np.where(count > 0, mean - self._mean, 0.0)
        self._mean = self._mean + apart * (count / total)
        self._squares = self._squares + squares + apart**2 * (self._count * count / total)
        self._count = self._count + count

    def add_each(self, rows: Array) -> None:
        """As `add` of one row `(width,)` after the other, to the bit, where all is known faster."""
        rows = np.asarray(rows, dtype=np.float64)
        if not (np.abs(rows) < _HUGE).all():
            for row in rows:
                self.add(row[None])
            return
        for row in rows:
            total = self._count + 1
            apart = row - self._mean
            self._mean = self._mean + apart * (1 / total)
            self._squares = self._squares + apart**2 * (self._count / total)
            self._count = total

    @property
    def mean(self) -> NDArray[np.float64]:
        """The mean; 0 where nothing was added."""
        return self._mean

    @property
    def scale(self) -> NDArray[np.float64]:
        """The standard deviation; 1 where there is none to divide by."""
        deviation = np.sqrt(self._squares / np.maximum(self._count, 1))
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
