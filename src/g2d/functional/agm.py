"""Adaptive gradient modulation: how far each modality is ahead, against its own running mean."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from g2d.tasks import Regression, Task

# A probability is 1e-8 at least, in the score.
WORST = -math.log(1e-8)


def agm_scores(task: Task, logits: Tensor, target: Tensor) -> Tensor:
    """The score of a modality's contribution in each sample, a loss: the lower, the better.

    Args:
        task: What is predicted.
        logits: The modality's contribution to the fused logits (`shapley_values`), `(B, C)`.
        target: As the task has it: `(B,)`, or `(B, L)` for labels.

    Returns:
        `(B,)`: the task's losses, -log 1e-8 at most; for regression over the variance of the
        targets.

    Source: Li et al., AGM, ICCV 2023 (arXiv 2308.07686), the mono-modal cross-entropy.

    Example:
        >>> from g2d import Classification
        >>> logits, target = torch.tensor([[0.0, 0.0], [99.0, 0.0]]), torch.tensor([1, 1])
        >>> agm_scores(Classification(2), logits, target)
        tensor([ 0.6931, 18.4207])
    """
    losses = task.losses(logits, target)
    if isinstance(task, Regression):  # on the unit range
        losses = losses * ((task.high - task.low) / task.std) ** 2
    return losses.clamp(max=WORST)


def agm_lead(scores: Tensor) -> Tensor:
    """r_m: exp(mean of the others' scores - one's own); above 1 for the better ones.

    Args:
        scores: Mean score of every modality, `(k,)`, losses; those that are `nan` are left out,
            and so is who has no others.

    Returns:
        `(k,)`.

    Source: Li et al., AGM, ICCV 2023 (arXiv 2308.07686), the discrepancy ratio.

    Example:
        >>> agm_lead(torch.tensor([1.0, 2.0, torch.nan]))
        tensor([2.7183, 0.3679,    nan])
    """
    known = scores.isfinite()
    others = torch.where(known, scores, 0.0).sum() - scores
    return (others / (known.sum() - 1) - scores).exp()


def agm_coefficients(
    lead: Tensor, usual: Tensor, alpha: float = 1.0, cap: float | None = 7.0
) -> Tensor:
    """κ_m = exp(α min(τ_m - r_m, c)): below 1 for a modality further ahead than usual.

    Args:
        lead: r_m of every modality in this step, `(k,)`; `nan` for a modality that no sample has.
        usual: τ_m, r_m of the running means of the scores, `(k,)`; `nan`, where there is no
            history, counts as 1.
        alpha: α.
        cap: c; `None` for no bound.

    Returns:
        `(k,)`, by which the gradient into the modality's contribution is multiplied.

    Source: Li et al., AGM, ICCV 2023 (arXiv 2308.07686), the modulation coefficient.

    Example:
        >>> agm_coefficients(torch.tensor([2.0, 0.5]), torch.tensor([1.0, 1.0]))
        tensor([0.3679, 1.6487])
    """
    behind = usual.nan_to_num(nan=1.0) - lead
    factors = (alpha * behind.clamp(max=math.inf if cap is None else cap)).exp()
    # alone in its batch a modality is neither ahead nor behind
    return factors.nan_to_num(nan=1.0)
