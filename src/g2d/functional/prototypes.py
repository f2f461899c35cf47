"""Class prototypes of each modality: what they predict, and which modality is behind."""

from __future__ import annotations

import torch
from torch import Tensor


def pmr_log_probabilities(
    features: Tensor, prototypes: Tensor, known: Tensor | None = None
) -> Tensor:
    """Log q: log-softmax over classes of minus the distance to the class's prototype.

    Args:
        features: `(B, d)`.
        prototypes: `(C, d)`.
        known: Which classes have a prototype, bool `(C,)`; `None` for all. The others have no
            probability.

    Returns:
        `(B, C)`. The prototypical cross-entropy is `F.nll_loss` of it.

    Source: Fan et al., PMR, CVPR 2023 (arXiv 2211.07089), the prototypical prediction.

    Example:
        >>> prototypes = torch.tensor([[0.0, 0.0], [3.0, 4.0]])
        >>> pmr_log_probabilities(torch.zeros(1, 2), prototypes)
        tensor([[-0.0067, -5.0067]])
    """
    away = torch.cdist(
        features.float(),
        prototypes,
        # Without the product of matrices, which is not exact where a distance is small.
        compute_mode="donot_use_mm_for_euclid_dist",
    )
    if known is None:
        return (-away).log_softmax(dim=1)
    return (-away).masked_fill(~known, torch.finfo(away.dtype).min).log_softmax(dim=1)


def pmr_coefficients(strength: Tensor, released: bool = False) -> tuple[Tensor, Tensor]:
    """β_m = clip(S_m* / S_m - 1, 0, 1) of every modality, and which one is ahead.

    Args:
        strength: S_m, mean probability of the right class by prototypes, `(k,)`; `nan` or infinite
            for a modality that no sample has, whose β is 0.
        released: 1 for every β above 0, as in the published code.

    Returns:
        β, `(k,)`: how strongly each is pulled to its prototypes; and `(k,)` the share of each in
        being m*, the modality ahead, which is slowed: 1, or equal shares where several are.

    Source: Fan et al., PMR, CVPR 2023 (arXiv 2211.07089), β of the rebalancing.

    Example:
        >>> pmr_coefficients(torch.tensor([0.6, 0.4]))
        (tensor([0.0000, 0.5000]), tensor([1., 0.]))
    """
    there = strength.isfinite()
    strength = strength.where(there, 0.0).clamp(min=1e-8)
    best = torch.where(there, strength, 0.0).amax()
    ratio = torch.where(there, best / strength, 1.0)
    behind = (ratio > 1).to(ratio) if released else (ratio - 1).clamp(0, 1)
    ahead = (there & (strength == best)).to(ratio)
    return behind, ahead / ahead.sum().clamp(min=1)
