"""Asymmetric representation learning: how far a modality is relied on, and how certain it is."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.tasks import MultiLabel, Task


def arl_entropies(task: Task, logits: Tensor) -> Tensor:
    """Entropy of each prediction, which stands for its variance.

    Args:
        task: Classes, or labels: the entropy of labels is the sum over them.
        logits: Unimodal logits, `(B, C)`.

    Returns:
        `(B,)`, in nats.

    Source: Wei, Luo and Luo, ARL, ICCV 2025 (arXiv 2507.10203), the entropy of the prediction.

    Example:
        >>> from g2d import Classification, MultiLabel
        >>> arl_entropies(Classification(2), torch.zeros(1, 2))
        tensor([0.6931])
        >>> arl_entropies(MultiLabel(2), torch.zeros(1, 2))
        tensor([1.3863])
    """
    if isinstance(task, MultiLabel):
        bits = F.binary_cross_entropy_with_logits(logits, logits.sigmoid(), reduction="none")
        return bits.sum(dim=1)
    logs = logits.log_softmax(dim=1)
    return -(logs.exp() * logs).sum(dim=1)


def arl_coefficients(
    entropy: Tensor, size: Tensor, temperature: float = 8.0, floor: float = 0.6
) -> Tensor:
    """W of every modality, a softmax over T u_m with u_m = (k^k / 4) q_m Π_{j≠m} d_j.

    q is the inverse variance: shares of the entropy, not below floor/k, then shares of the
    inverses. d is the reliance: shares of the size of the logits. u is the same for all where
    d ~ q, which is what the method aims at. For two modalities u_m = q_m d_j, as published.

    Args:
        entropy: Mean entropy of every modality's predictions, `(k,)`; `nan` where no sample has it.
        size: Mean sum of the absolute logits, `(k,)`, likewise.
        temperature: T; a larger one gives more to the modality that lacks reliance.
        floor: Smallest share of the entropy, as a part of the equal share 1/k.

    Returns:
        `(k,)`, a sum of 1; the gradient of encoder m is multiplied by 1 + w_m.

    Source: Wei, Luo and Luo, ARL, ICCV 2025 (arXiv 2507.10203), the asymmetric coefficients.

    Example: the first is as certain as the second and relied on less, so it learns faster.
        >>> arl_coefficients(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 3.0]))
        tensor([0.8808, 0.1192])
    """
    k = len(entropy)
    q = _shares(1 / _shares(entropy).clamp(min=max(floor / k, 1e-6)))
    itself = torch.eye(k, dtype=torch.bool, device=size.device)
    others = _shares(size).expand(k, k).masked_fill(itself, 1.0).prod(dim=1)
    return (temperature * math.pow(k, k) / 4 * q * others).softmax(dim=0)


def _shares(values: Tensor) -> Tensor:
    """Shares of the sum; who is unknown counts as the mean of the others."""
    known = torch.where(values.isnan(), values.nanmean(), values).nan_to_num(0.0) + 1e-12
    return known / known.sum()
