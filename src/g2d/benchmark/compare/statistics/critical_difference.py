"""Rows ranked across datasets: Friedman's test, and Nemenyi's critical difference."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from g2d.analysis.intervals import Floats
from g2d.benchmark.compare.table import Ranking
from g2d.errors import require

LEVEL = 0.05


def rank_rows(
    values: Floats, rows: Sequence[tuple[str, ...]], datasets: Sequence[str], higher: Sequence[bool]
) -> Ranking:
    """Mean ranks, and which of them differ no more than by chance (Demšar, 2006).

    Args:
        values: A number for every row and dataset, `(k, N)`, with k of 3 or more.
        rows: Labels of the rows.
        datasets: Labels of the datasets.
        higher: Of every dataset, whether higher is better.

    Example:
        >>> values = np.array([[0.9, 0.8, 0.9], [0.7, 0.7, 0.8], [0.6, 0.5, 0.4]])
        >>> found = rank_rows(values, [("a",), ("b",), ("c",)], ["x", "y", "z"], [True] * 3)
        >>> found.ranks, round(found.critical_difference, 2)
        ((1.0, 2.0, 3.0), 1.91)
    """
    stats = require("scipy.stats", "train")
    k, count = values.shape
    better = np.where(np.asarray(higher), -1.0, 1.0)
    ranks = stats.rankdata(values * better, axis=0)
    mean = ranks.mean(axis=1)
    # Rows that are alike on all datasets leave nothing to test.
    alike = bool((ranks == ranks[:1]).all())
    statistic, p = (0.0, 1.0) if alike else stats.friedmanchisquare(*ranks)
    order = sorted(range(k), key=lambda i: mean[i])
    difference = critical_difference(k, count)
    return Ranking(
        rows=tuple(rows[i] for i in order),
        ranks=tuple(float(mean[i]) for i in order),
        datasets=tuple(datasets),
        statistic=float(statistic),
        p=float(p),
        critical_difference=difference,
        groups=_groups([float(mean[i]) for i in order], difference),
    )


def critical_difference(rows: int, datasets: int) -> float:
    """The critical difference of two mean ranks (Nemenyi's test at 0.05).

    Example:
        >>> round(critical_difference(4, 14), 2)
        1.25
    """
    stats = require("scipy.stats", "train")
    q = float(stats.studentized_range.ppf(1 - LEVEL, rows, math.inf)) / math.sqrt(2)
    return q * math.sqrt(rows * (rows + 1) / (6 * datasets))


def _groups(ranks: Sequence[float], difference: float) -> tuple[tuple[int, int], ...]:
    """The longest ranges of neighbours within the difference, none inside another."""
    found: list[tuple[int, int]] = []
    for first in range(len(ranks)):
        last = max(i for i in range(first, len(ranks)) if ranks[i] - ranks[first] <= difference)
        if last > first and (not found or last > found[-1][1]):
            found.append((first, last))
    return tuple(found)
