"""How far modalities overfit: the weights of their losses, and the purity of their features."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

_RESTARTS, _ROUNDS = 4, 100


def gradient_blending_weights(
    weights: Mapping[str, float],
    start: Mapping[str, Sequence[float]],
    end: Mapping[str, Sequence[float]],
    overfitting_floor: float = 0.05,
    weight_floor: float = 0.0,
) -> dict[str, float]:
    """w_i = G_i / O_i² up to scale, from training and validation losses, [L^T_i, L^V_i].

    With a floor f, of n losses: (1 - f) w_i + f / n. A loss that has not been measured keeps its
    weight, and one that does not generalise (G_i ≤ 0) has the least; where none does, all keep
    theirs.

    Args:
        weights: The present ones, of n losses: the fused one and those of the modalities.
        start: Training and validation loss at the start of the super-epoch, by loss.
        end: Those at its end.
        overfitting_floor: Least |O_i|.
        weight_floor: f, least weight as a share of an equal one.

    Returns:
        A number for each loss; their sum stays what it was.

    Source: Wang, Tran and Feiszli, Gradient-Blending, CVPR 2020 (arXiv 1905.12681), the optimal
        blend.

    Example:
        >>> start = {"fused": [2.0, 2.0], "sound": [2.0, 2.0]}
        >>> end = {"fused": [1.0, 1.5], "sound": [1.0, 1.25]}
        >>> gradient_blending_weights({"fused": 0.5, "sound": 0.5}, start, end, 0.01)
        {'fused': 0.14285714285714285, 'sound': 0.8571428571428571}
    """
    ratios = {}
    for name in weights:
        (train_before, val_before), (train_after, val_after) = start[name], end[name]
        gain = val_before - val_after
        overfitting = (val_after - train_after) - (val_before - train_before)
        if math.isfinite(gain) and math.isfinite(overfitting):
            ratios[name] = max(gain, 0.0) / max(abs(overfitting), overfitting_floor) ** 2
    total = sum(ratios.values())
    if total <= 0:
        return dict(weights)
    share, equal = sum(weights[name] for name in ratios), 1 / len(ratios)
    estimated = {
        name: share * ((1 - weight_floor) * ratio / total + weight_floor * equal)
        for name, ratio in ratios.items()
    }
    return {name: estimated.get(name, weight) for name, weight in weights.items()}


def cluster_purity(features: Tensor, target: Tensor, classes: int) -> float:
    """P: share of samples that belong to the commonest class of their k-means cluster.

    Re-learning compares it on training and on held-out samples: an encoder goes back towards its
    first weights by tanh(λ |P_train - P_held|).

    Args:
        features: Of a modality, `(N, d)`; they are scaled to [-1, 1] here.
        target: Classes, `(N,)`.
        classes: Their number, which is also that of the clusters.

    Returns:
        A number in (0, 1].

    Source: Wei et al., Re-learning, ECCV 2024 (arXiv 2407.09705), the purity of the diagnosis.

    Example:
        >>> cluster_purity(
        ...     torch.tensor([[0.0], [0.1], [5.0], [5.1]]), torch.tensor([0, 0, 1, 0]), 2
        ... )
        0.75
    """
    low, high = features.amin(dim=0), features.amax(dim=0)
    scaled = 2 * (features - low) / torch.where(high > low, high - low, 1.0) - 1
    cluster = k_means(scaled, min(classes, len(scaled)))
    counts = torch.bincount(cluster * classes + target, minlength=classes * classes)
    return float(counts.view(classes, classes).amax(dim=1).sum() / len(target))


def k_means(points: Tensor, clusters: int) -> Tensor:
    """The cluster of every point, `(N,)`: Lloyd's algorithm, the best of a few k-means++ starts."""
    generator = torch.Generator().manual_seed(0)
    best, found = math.inf, torch.zeros(len(points), dtype=torch.long, device=points.device)
    for _ in range(_RESTARTS):
        centres = _spread(points, clusters, generator)
        for _ in range(_ROUNDS):
            near = torch.cdist(points, centres).argmin(dim=1)
            sums = torch.zeros_like(centres).index_add_(0, near, points)
            count = torch.bincount(near, minlength=clusters)[:, None]
            moved = torch.where(count > 0, sums / count.clamp(min=1), centres)
            if torch.equal(moved, centres):
                break
            centres = moved
        distance, near = torch.cdist(points, centres).min(dim=1)
        inertia = float(distance.square().sum())
        if inertia < best:
            best, found = inertia, near
    return found


def _spread(points: Tensor, clusters: int, generator: torch.Generator) -> Tensor:
    """k-means++: each further centre is drawn by its squared distance to those there are."""
    nearest = torch.full((len(points),), math.inf, device=points.device)
    weight = torch.ones(len(points))
    chosen: list[int] = []
    for _ in range(clusters):
        chosen.append(int(torch.multinomial(weight, 1, generator=generator)))
        nearest = nearest.minimum(torch.cdist(points, points[chosen[-1:]]).squeeze(1))
        squared = nearest.square().cpu()
        weight = squared / squared.sum().clamp(min=1e-12) + 1e-12
    return points[chosen]
