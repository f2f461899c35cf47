"""Linear centred kernel alignment: how alike two sets of features are, up to rotation and scale."""

from __future__ import annotations

import math

import numpy as np

from g2d.analysis.features import Floats


def linear_cka(a: Floats, b: Floats) -> float:
    """CKA(A, B) = ‖Bᵀ A‖²_F / (‖Aᵀ A‖_F ‖Bᵀ B‖_F) of centred features (Kornblith et al., 2019).

    1 for features that differ by a rotation, a mirroring, a scale or a shift; 0 for features
    without any linear relation. Few samples in many dimensions are alike by chance alone, so it is
    to be read beside that of two models that know nothing of each other.

    Args:
        a: `(N, d_a)`, a row a sample.
        b: `(N, d_b)`, of the same samples.

    Returns:
        From 0 to 1; `nan` where the features of one side are all the same.

    Example:
        >>> points = np.array([[1.0, 0.0], [0.0, 1.0], [2.0, 3.0]])
        >>> round(linear_cka(points, 7 * points[:, ::-1] + 1), 6)
        1.0
    """
    a, b = a - a.mean(axis=0), b - b.mean(axis=0)
    if a.shape[1] + b.shape[1] > 2 * len(a):  # then the kernels are the smaller matrices
        k, other = a @ a.T, b @ b.T
        cross, own = float((k * other).sum()), float(np.linalg.norm(k) * np.linalg.norm(other))
    else:
        cross = float(np.square(b.T @ a).sum())
        own = float(np.linalg.norm(a.T @ a) * np.linalg.norm(b.T @ b))
    return cross / own if own > 0 else math.nan
