"""Cutting labelled samples into disjoint parts of like composition."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError


def stratified_parts(
    labels: NDArray[np.generic], sizes: Sequence[int], rng: np.random.Generator
) -> list[NDArray[np.int64]]:
    """Draws disjoint parts in which every class has about its share of the whole.

    Args:
        labels: Class of every sample, `(N,)`.
        sizes: Samples in every part; what they do not use up is left over.
        rng: Source of the draw.

    Returns:
        Positions of the samples of every part, in random order.

    Raises:
        UserError: The parts together need more samples than there are.

    Example:
        >>> labels = np.array([0, 0, 0, 0, 1, 1, 1, 1])
        >>> parts = stratified_parts(labels, [4, 2], np.random.default_rng(0))
        >>> [np.bincount(labels[part]).tolist() for part in parts]
        [[2, 2], [1, 1]]
    """
    if min(sizes) < 0 or sum(sizes) > len(labels):
        raise UserError(
            f"got parts of {', '.join(map(str, sizes))} samples out of {len(labels)}; "
            f"ask for {len(labels)} or fewer in all"
        )
    # Each class is spread evenly over [0, 1); any stretch of that line is then stratified.
    place = np.empty(len(labels))
    counts = np.unique(labels, return_counts=True)[1]
    # sorted once, in the place of searching all rows for every class
    for rows in np.split(np.argsort(labels, kind="stable"), np.cumsum(counts)[:-1]):
        place[rows] = (rng.permutation(len(rows)) + rng.random()) / len(rows)
    order = np.argsort(place, kind="stable")
    bounds = np.cumsum([0, *sizes])
    return [rng.permutation(order[start:stop]) for start, stop in pairwise(bounds)]
