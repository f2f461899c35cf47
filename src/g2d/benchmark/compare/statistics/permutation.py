"""Paired permutation tests: without a difference, either sign is equally likely."""

from __future__ import annotations

import numpy as np

from g2d.analysis.intervals import Floats

DRAWS = 9999
_EXACT = 12  # pairs; beyond, signs are drawn
_ROUNDING = 1e-9


def sign_flip(differences: Floats) -> float:
    """How often chance alone gives a mean difference as large, two-sided.

    Every difference keeps its size, and its sign is drawn. With up to 12 pairs all signs are tried
    (Fisher's exact test), beyond that 9,999 draws are.

    Args:
        differences: One a pair, `(n,)`.

    Example:
        >>> sign_flip(np.array([1.0, 2.0, 3.0]))
        0.25
    """
    sizes = np.abs(differences)
    observed = abs(float(differences.sum())) - _ROUNDING * float(sizes.sum())
    if len(differences) <= _EXACT:
        signs = 1 - 2 * (np.arange(2 ** len(sizes))[:, None] >> np.arange(len(sizes)) & 1)
        return float((np.abs(signs @ sizes) >= observed).mean())
    # Pairs that differ by the same size are interchangeable: of k such, so many are positive.
    values, counts = np.unique(sizes[sizes > 0], return_counts=True)
    rng = np.random.default_rng(0)
    beyond = 0
    chunk = max(1, min(DRAWS, int(1e7 / max(1, len(values)))))
    for start in range(0, DRAWS, chunk):
        rows = min(chunk, DRAWS - start)
        positive = rng.binomial(counts, 0.5, size=(rows, len(counts)))
        beyond += int((np.abs((2 * positive - counts) @ values) >= observed).sum())
    return (1 + beyond) / (1 + DRAWS)


def least_p(pairs: int) -> float:
    """The smallest p that so many pairs can give.

    Example:
        >>> least_p(3), least_p(5), least_p(1000)
        (0.25, 0.0625, 0.0001)
    """
    return 2.0 ** (1 - pairs) if pairs <= _EXACT else 1 / (1 + DRAWS)
