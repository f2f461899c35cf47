"""Dividing series of measurements by time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division


def by_time(
    series: NDArray[np.generic],
    taken: NDArray[np.generic],
    shares: Sequence[float] = (0.6, 0.2, 0.2),
) -> Division:
    """The first share of every series trains, the next validates, the last is the test.

    Rows of one series and one time stay together.

    Args:
        series: Series (station, sensor, ...) of every row.
        taken: Time of every row, in a form that sorts.
        shares: Of train, val and test.

    Example:
        >>> divided = by_time(np.array(["a"] * 5), np.array([3, 1, 2, 5, 4]))
        >>> [rows.tolist() for rows in divided]
        [[0, 1, 2], [4], [3]]
    """
    part = np.empty(len(series), dtype=np.int64)
    for name in np.unique(series):
        rows = np.flatnonzero(series == name)
        _, moment, sizes = np.unique(taken[rows], return_inverse=True, return_counts=True)
        # a moment belongs where its middle falls when all rows are laid in a line
        middle = np.cumsum(sizes) - sizes / 2
        bounds = np.cumsum(shares)[:2] / np.sum(shares) * len(rows)
        part[rows] = np.searchsorted(bounds, middle)[moment]
    return Division(*(np.flatnonzero(part == p) for p in range(3)))
