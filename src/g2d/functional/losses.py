"""Losses that compare a prediction with the target, or with the prediction from less."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor

from g2d.errors import check_choice
from g2d.functional.present import mean_over_present
from g2d.tasks import Classification, Task

BoostingObjective = Literal["released", "kl"]


def unimodal_loss(
    task: Task, logits: Tensor, target: Tensor, present: Tensor | None = None
) -> Tensor:
    """ℓ(z_m, y): the task's loss, averaged over the samples that have the modality.

    Cross-entropy for classes, binary cross-entropy for labels, the squared error of σ(logit) on
    the unit range for regression.

    Args:
        task: What is predicted.
        logits: Unimodal or fused logits, `(B, C)`.
        target: As the task has it: `(B,)`, or `(B, L)` for labels.
        present: Which samples have the modality, bool `(B,)`; `None` for all.

    Returns:
        A scalar; 0 where no sample has the modality.

    Source: Rakib and Bagavathi, G²D, ICCV 2025 (arXiv 2506.21514), Eq. 1.

    Example:
        >>> logits, target = torch.zeros(2, 2), torch.tensor([0, 1])
        >>> unimodal_loss(Classification(2), logits, target, torch.tensor([True, False]))
        tensor(0.6931)
    """
    if present is None:
        return task.loss(logits, target)
    return mean_over_present(task.losses(logits, target), present)


def reconboost_objective(
    logits: Tensor,
    rest: Tensor,
    target: Tensor,
    objective: BoostingObjective = "released",
    w1: float = 5.0,
    w2: float = 1.0,
    task: Task | None = None,
) -> Tensor:
    """The loss of a modality while it boosts: least where the others are certain already.

    With p̄ the softmax of the others' logits, (w1 - w2 p̄[y]) / C · CE(z_m) (`"released"`), or
    CE(z_m) - (w2 / w1) KL(p̄ ‖ softmax(z_m)) (`"kl"`).

    Args:
        logits: Of the modality that boosts, `(B, C)`.
        rest: The sum of the others' logits times η, `(B, C)`; it gets no gradient.
        target: Classes, `(B,)`.
        objective: Of the published code, or of the paper's idea.
        w1: Weight of the cross-entropy.
        w2: Weight of what the others know, below w1.
        task: What is predicted, where its classes have weights.

    Returns:
        `(B,)`.

    Raises:
        UserError: There is no such objective.

    Source: Hua et al., ReconBoost, ICML 2024 (arXiv 2405.09321), the boosting objective.

    Example:
        >>> certain, uncertain = torch.tensor([[9.0, 0.0]]), torch.zeros(1, 2)
        >>> target = torch.tensor([0])
        >>> reconboost_objective(uncertain, uncertain, target, w1=2.0)
        tensor([0.5199])
        >>> reconboost_objective(uncertain, certain, target, w1=2.0)
        tensor([0.3466])
    """
    check_choice("objective", objective, get_args(BoostingObjective))
    task, rest = task or Classification(logits.shape[1]), rest.detach()
    losses = task.losses(logits, target)
    if objective == "kl":
        return losses - w2 / w1 * task.divergence(logits, rest)
    return (w1 - w2 * task.confidence(rest, target)) * losses / task.outputs


def aug_objective(task: Task, terms: Tensor, target: Tensor, discount: float = 0.5) -> Tensor:
    """The loss of AUG for a modality whose logits are a sum of classifiers.

    With z the sum of all, z_n the last of them and p the softmax of z - z_n, a constant:
    CE(z) + CE(z - z_n) + (1 - λ p[y]) CE(z_n): the last one learns least of what the others know
    already. CE(z) alone where there is one classifier.

    Args:
        task: What is predicted.
        terms: The logits of every classifier, `(n, B, C)`.
        target: Classes, `(B,)`.
        discount: λ.

    Returns:
        `(B,)`.

    Source: Jiang, Huang and Yang, AUG, NeurIPS 2025 (arXiv 2502.20120), sustained boosting, as in
    the published code.

    Example:
        >>> certain, uncertain = torch.tensor([[9.0, 0.0]]), torch.zeros(1, 2)
        >>> target = torch.tensor([0])
        >>> task = Classification(2)
        >>> aug_objective(task, torch.stack([uncertain]), target)
        tensor([0.6931])
        >>> aug_objective(task, torch.stack([certain, uncertain]), target)
        tensor([0.3469])
    """
    whole = terms.sum(dim=0)
    loss = task.losses(whole, target)
    if len(terms) == 1:
        return loss
    before = terms[:-1].sum(dim=0)
    known = task.confidence(before.detach(), target)
    last = (1 - discount * known) * task.losses(terms[-1], target)
    return loss + task.losses(before, target) + last


def cml_rise(
    part: Tensor,
    whole: Tensor,
    present: Tensor | None = None,
    forgiven: Tensor | None = None,
) -> Tensor:
    """The rise of confidence when a modality is taken away: mean relu(c(part) - c(whole)).

    The loss of CML takes the mean over all such pairs of one size, and the sum over sizes.

    Args:
        part: Largest probability of the prediction without the modality, `(B,)`.
        whole: Of the prediction with it, `(B,)`.
        present: Which samples have any modality of the smaller set, bool `(B,)`; `None` for all.
        forgiven: Samples in which confidence may rise, bool `(B,)`: those where the smaller set
            is right and the larger wrong.

    Returns:
        A scalar.

    Source: Ma et al., CML, ICML 2023 (arXiv 2306.01265), the calibration regulariser.

    Example:
        >>> cml_rise(torch.tensor([0.9, 0.5]), torch.tensor([0.7, 0.6]))
        tensor(0.1000)
    """
    rise = torch.relu(part - whole)
    if forgiven is not None:
        rise = torch.where(forgiven, 0.0, rise)
    return mean_over_present(rise, present)
