"""Factors for the gradients of k modalities, from how well each of them does."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, get_args

import torch
from torch import Tensor

from g2d.errors import check_choice

Ratio = Literal["mean", "min"]


def partial_suppression_factors(confidence: Tensor) -> Tensor:
    """κ of partial suppression: 1 - tanh(r) where r > 1, else 1.

    r is the modality's confidence over the mean of the others'. The paper says "ratio of modality
    scores"; that these are the teachers' is our reading.

    Args:
        confidence: Of every modality's teacher, `(k,)`; infinite for a modality that no sample
            has, which is left out of the others' mean.

    Returns:
        `(k,)`.

    Source: Rakib and Bagavathi, G²D, ICCV 2025 (arXiv 2506.21514), Table 6.

    Example:
        >>> partial_suppression_factors(torch.tensor([0.8, 0.4]))
        tensor([0.0360, 1.0000])
    """
    factors = []
    for place, value in enumerate(confidence):
        others = torch.cat([confidence[:place], confidence[place + 1 :]])
        ratio = value / others.where(others.isfinite(), torch.nan).nanmean()
        factors.append(torch.where(ratio > 1, 1 - torch.tanh(ratio), torch.ones_like(ratio)))
    return torch.stack(factors)


def ogm_coefficients(scores: Tensor, alpha: float = 0.3, ratio: Ratio = "mean") -> Tensor:
    """κ_m = 1 - tanh(α ρ_m) where ρ_m > 1, else 1; ρ_m is the score over those of the others.

    Args:
        scores: Mean confidence of every modality's own logits in the right answer, `(k,)`;
            `nan` or infinite for a modality that no sample has, which is left out.
        alpha: α.
        ratio: ρ for more than two: the `"mean"` of the ratios to each of the others, or the ratio
            to the weakest of them, `"min"`.

    Returns:
        `(k,)`, by which the gradient of every encoder is multiplied.

    Raises:
        UserError: There is no such ratio.

    Source: Peng et al., OGM-GE, CVPR 2022 (arXiv 2203.15332), the discrepancy ratio and κ.

    Example:
        >>> ogm_coefficients(torch.tensor([0.8, 0.4]), alpha=0.5)
        tensor([0.2384, 1.0000])
    """
    check_choice("ratio", ratio, get_args(Ratio))
    there = scores.isfinite()
    score = scores.where(there, 0.0).clamp(min=1e-8)
    pairs = there[:, None] & there & ~torch.eye(len(scores), dtype=torch.bool, device=score.device)
    ratios = torch.where(pairs, score[:, None] / score, 0.0)
    if ratio == "mean":
        rho = ratios.sum(dim=1) / pairs.sum(dim=1).clamp(min=1)
    else:
        rho = ratios.amax(dim=1)
    return torch.where(rho > 1, 1 - torch.tanh(alpha * rho), 1.0)


def mlb_coefficients(scores: Tensor, alpha: float = 0.8, beta: float = 2.0) -> Tensor:
    """κ_m = 1 + tanh(α (ρ_m - 1)), its part above 1 times β - 1; ρ_m is the others over m.

    Args:
        scores: Mean confidence of every modality's own logits in the right answer, `(k,)`;
            `nan` for a modality that no sample has, which is left out.
        alpha: α.
        beta: β, the most that κ can be.

    Returns:
        `(k,)`, by which the gradient of every modality is multiplied, between 1 - tanh(α) and β.

    Source: Kontras et al., MLB, BMVC 2024 (arXiv 2405.07930), the authors' code.

    Example:
        >>> mlb_coefficients(torch.tensor([0.8, 0.4]))
        tensor([0.6201, 1.6640])
    """
    there = scores.isfinite()
    score = scores.where(there, 0.0).clamp(min=1e-8)
    others = (score * there).sum() - score
    ratio = others / (there.sum() - 1) / score
    change = torch.tanh(alpha * (ratio - 1))
    factors = 1 + torch.where(change > 0, (beta - 1) * change, change)
    return factors.where(there & (there.sum() > 1), 1.0)


def cggm_balance(improvement: Tensor, bounded: bool = True) -> Tensor:
    """B_m = Σ_{j≠m} Δ_j / Σ_j Δ_j: less for a modality that improves by more than the others.

    Args:
        improvement: Δ, by how much the accuracy of every modality's classifier rose in a step,
            `(k,)`.
        bounded: Whether B is kept between 0 and 1, where it is when no classifier gets worse. As
            in the authors' code it is not bounded otherwise: changes that cancel have a sum of
            nearly 0, by which they are divided, so +1/64 and -1/64 give a B of -1.6
            million and of 1.6 million.

    Returns:
        `(k,)`; 1 for all where nothing changed.

    Source: Guo et al., CGGM, NeurIPS 2024 (arXiv 2411.01409), the authors' code.

    Example:
        >>> cggm_balance(torch.tensor([0.3, 0.1]))
        tensor([0.2500, 0.7500])
        >>> cggm_balance(torch.tensor([0.3, -0.1])), cggm_balance(torch.tensor([0.3, -0.1]), False)
        (tensor([0., 1.]), tensor([-0.5000,  1.5000]))
    """
    total = improvement.sum() + 1e-8
    balance = (total - improvement) / total
    return balance.clamp(0, 1) if bounded else balance


def pdmp_factors(confidence: Tensor, gamma_p: float = 2.0, gamma_r: float = 0.5) -> Tensor:
    """γ_p for the modality whose teacher is best, and all that are equally good; γ_r for the rest.

    Args:
        confidence: Of every modality's teacher, `(k,)`; infinite for a modality that no sample
            has, which cannot be dominant.
        gamma_p: γ_p.
        gamma_r: γ_r.

    Returns:
        `(k,)`, in the precision of the confidences.

    Source: Wei et al., PDMP (arXiv 2604.05773), the rule of the abstract; the values of γ are ours.

    Example:
        >>> pdmp_factors(torch.tensor([0.9, 0.4, torch.inf]))
        tensor([2.0000, 0.5000, 0.5000])
    """
    values = confidence.where(confidence.isfinite(), -torch.inf)
    dominant = values == values.max()
    return torch.full_like(values, gamma_r).masked_fill(dominant, gamma_p)


def mslr_ratio(
    value: float, before: Sequence[float], bounds: tuple[float, float] = (0.1, 10.0)
) -> float:
    """r_m: a modality's last validation accuracy over the mean of those before it.

    Args:
        value: The last.
        before: The K before it.
        bounds: Within which r stays.

    Returns:
        A number, by which the modality's learning rate is multiplied; 1 where there is nothing to
        compare with.

    Source: Yao and Mihalcea, MSLR, Findings of ACL 2022 (doi 10.18653/v1/2022.findings-acl.143),
        the dynamic strategy.

    Example:
        >>> mslr_ratio(0.75, [0.25, 0.75]), mslr_ratio(0.9, [0.2, 0.4], bounds=(0.5, 2.0))
        (1.5, 2.0)
    """
    mean = sum(before) / len(before) if before else 0.0
    if mean <= 0:
        return 1.0
    low, high = bounds
    return min(max(value / mean, low), high)
