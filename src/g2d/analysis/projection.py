"""Projections of high-dimensional points to two dimensions: PCA, or t-SNE."""

from __future__ import annotations

from typing import Literal

import numpy as np

from g2d.analysis.features import Floats
from g2d.errors import UserError, require

How = Literal["pca", "tsne"]

# The paper's seed; perplexity as scikit-learn's default, smaller for few points.
_SEED, _PERPLEXITY = 999, 30.0


def project(points: Floats, how: How = "pca") -> Floats:
    """Points `(N, d)` in two dimensions `(N, 2)`, always the same for the same points.

    Args:
        points: All that is to be seen on one sheet.
        how: `pca` keeps distances as well as a plane can; `tsne` keeps neighbours, and its
            distances between groups mean nothing.

    Raises:
        UserError: There are fewer than 3 points, or there is no such projection.
    """
    if len(points) < 3:
        raise UserError(f"got {len(points)} points, expected 3 or more to project")
    if how == "pca":
        return _pca(points)
    if how == "tsne":
        return _tsne(points)
    raise UserError(f"projection: expected pca or tsne, got {how!r}")


def _pca(points: Floats) -> Floats:
    centred = points - points.mean(axis=0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    axes = np.pad(axes[:2], ((0, max(0, 2 - len(axes))), (0, 0)))
    # the sign of an axis is arbitrary: its largest part is made positive
    largest = np.take_along_axis(axes, np.abs(axes).argmax(axis=1)[:, None], axis=1)
    seen: Floats = centred @ (axes * np.where(largest < 0, -1.0, 1.0)).T
    return seen


def _tsne(points: Floats) -> Floats:
    manifold = require("sklearn.manifold", "sklearn")
    made = manifold.TSNE(
        perplexity=min(_PERPLEXITY, (len(points) - 1) / 3), init="pca", random_state=_SEED
    )
    # where all points are one, PCA's start divides by zero
    with np.errstate(all="ignore"):
        seen: Floats = made.fit_transform(points.astype(np.float32)).astype(np.float64)
    return seen
