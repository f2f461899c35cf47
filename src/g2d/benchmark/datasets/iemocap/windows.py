"""Averages over equal stretches of time."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def averaged(
    values: NDArray[np.floating], window: NDArray[np.integer], count: int
) -> NDArray[np.float32]:
    """The mean of every feature in every window, of the numbers that are there.

    Args:
        values: A row for every moment, `(T, d)`; NaN where nothing was measured.
        window: The window of every moment, `(T,)`, from 0.
        count: How many windows there are.

    Returns:
        `(count, d)`; NaN where a window has no number of a feature.

    Example:
        >>> moments = np.array([[1.0, np.nan], [3.0, 8.0], [5.0, np.nan]])
        >>> averaged(moments, np.array([0, 0, 1]), 2)
        array([[ 2.,  8.],
               [ 5., nan]], dtype=float32)
    """
    there = np.isfinite(values)
    sums, counts = np.zeros((count, values.shape[1])), np.zeros((count, values.shape[1]))
    np.add.at(sums, window, np.where(there, values, 0))
    np.add.at(counts, window, there)
    return np.where(counts > 0, sums / np.maximum(counts, 1), np.nan).astype(np.float32)
