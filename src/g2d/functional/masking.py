"""Which features are dropped or masked: those of the modality that the model depends on."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from g2d.functional.present import Masks


def opm_drop_rates(scores: Tensor, drop_rate: float = 0.5, gain: float = 0.5) -> Tensor:
    """q_m = q (1 + λ tanh(ρ_m - 1)) where ρ_m > 1, at most 1, else 0.

    ρ_m is the mean of the ratios of the modality's score to each of the others'.

    Args:
        scores: Mean confidence of every modality's own logits in the right answer, `(k,)`;
            `nan` or infinite for a modality that no sample has, which is left out.
        drop_rate: q.
        gain: λ.

    Returns:
        `(k,)`: the probability with which a sample's feature of the modality is dropped.

    Source: Wei et al., OPM, TPAMI 2024 (arXiv 2410.11582), Eq. 7 and 8.

    Example:
        >>> opm_drop_rates(torch.tensor([0.6, 0.3]))
        tensor([0.6904, 0.0000])
    """
    values = scores.where(scores.isfinite(), torch.nan)
    ratios = values[:, None] / values[None, :]
    itself = torch.eye(len(values), dtype=torch.bool, device=values.device)
    discrepancy = ratios.masked_fill(itself, torch.nan).nanmean(dim=1)
    rates = (drop_rate * (1 + gain * torch.tanh(discrepancy - 1))).clamp(0, 1)
    return torch.where(discrepancy > 1, rates, 0)


@torch.no_grad()
def amco_dependence(logits: Sequence[Tensor], present: Masks | None = None) -> Tensor:
    """How much the model depends on each modality: its share of softmax([z_1; …; z_k]).

    Args:
        logits: Unimodal logits, k tensors `(B, C)`.
        present: For each modality which samples have it, bool `(B,)`, or `None` for all.

    Returns:
        The sum over the samples, `(k,)`; divided by its sum, how much the model depends on each.

    Source: Zhou et al., AMCo, ICASSP 2023, the modal dependence.

    Example:
        >>> amco_dependence([torch.zeros(1, 2), torch.zeros(1, 2)])
        tensor([0.5000, 0.5000])
    """
    weights = []
    for one, mask in zip(logits, [None] * len(logits) if present is None else present, strict=True):
        weight = one.float().logsumexp(dim=1)
        weights.append(weight if mask is None else weight.masked_fill(~mask, -torch.inf))
    # A sample without any modality adds nothing to any of them.
    return torch.stack(weights).softmax(dim=0).nan_to_num(0.0).sum(dim=1)


def amco_mask_rate(epoch: int, epochs: int, mask: float = 1.0, ramp: float = 0.3) -> float:
    """P = p_max sin(π/2 min(1, e / (ε E))), the share of features masked in an epoch.

    Args:
        epoch: e, from 0.
        epochs: E.
        mask: p_max.
        ramp: ε, the share of training after which p is largest.

    Returns:
        A number in [0, p_max].

    Source: Zhou et al., AMCo, ICASSP 2023, the schedule of the mask.

    Example:
        >>> [round(amco_mask_rate(epoch, 10, ramp=0.4), 2) for epoch in (0, 2, 4, 9)]
        [0.0, 0.71, 1.0, 1.0]
    """
    return mask * math.sin(math.pi / 2 * min(1.0, epoch / (ramp * epochs)))


def amco_mask_factors(order: Tensor, rate: float) -> Tensor:
    """Factors for the features of a modality that the model depends on.

    Args:
        order: A permutation of the d features, `(d,)`; the first ⌊p d⌋ of it are masked.
        rate: p.

    Returns:
        `(d,)`: 0 where a feature is masked, else 1 / (1 - p), at most 10: nearly all are masked in
        the end, and what is left of them must not explode.

    Source: Zhou et al., AMCo, ICASSP 2023, the mask.

    Example:
        >>> amco_mask_factors(torch.tensor([2, 0, 3, 1]), 0.5)
        tensor([2., 0., 2., 0.])
    """
    return (order >= int(rate * len(order))) * min(1 / max(1 - rate, 0.1), 10.0)
