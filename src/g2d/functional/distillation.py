"""Distances between a student and its teachers, or between two modalities of a sample."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn.functional import mse_loss

from g2d.errors import UserError, check_choice
from g2d.functional.present import mean_over_present
from g2d.tasks import Classification, Task
from g2d.tasks.base import at_least_float32

FeatureReduction = Literal["mean", "sum"]


def feature_distance(
    features: Tensor,
    teacher: Tensor,
    present: Tensor | None = None,
    reduction: FeatureReduction = "sum",
) -> Tensor:
    """L_feat: squared distance of a modality's features from its teacher's, averaged over samples.

    No gradient reaches the teacher. The loss of G²D and UMT takes the sum over modalities.

    Args:
        features: The student's, `(B, d)`.
        teacher: The teacher's, `(B, d)`.
        present: Which samples have the modality, bool `(B,)`; `None` for all.
        reduction: `"sum"` over the dimensions is the squared norm of Eq. 2; `"mean"` is what the
            authors' code computes, smaller by the factor d.

    Returns:
        A scalar; 0 where no sample has the modality.

    Raises:
        UserError: The widths differ, or there is no such reduction.

    Source: Rakib and Bagavathi, G²D, ICCV 2025 (arXiv 2506.21514), Eq. 2; Du et al., UMT, ICML 2023
        (arXiv 2305.01233).

    Example:
        >>> feature_distance(torch.zeros(2, 2), torch.tensor([[3.0, 4.0], [0.0, 1.0]]))
        tensor(13.)
    """
    check_choice("reduction", reduction, get_args(FeatureReduction))
    if features.shape != teacher.shape:
        raise UserError(
            f"the features are {tuple(features.shape[1:])} in the student and "
            f"{tuple(teacher.shape[1:])} in its teacher; give both encoders the same width"
        )
    own, other = at_least_float32(features), at_least_float32(teacher.detach())
    squared = mse_loss(own, other, reduction="none")
    each = squared.mean(dim=1) if reduction == "mean" else squared.sum(dim=1)
    return mean_over_present(each, present)


def logit_distance(
    task: Task,
    logits: Tensor,
    teacher: Tensor,
    present: Tensor | None = None,
    temperature: float = 1.0,
) -> Tensor:
    """L_logit: divergence of the fused prediction from one teacher's, averaged over samples.

    T² KL(softmax(teacher / T) ‖ softmax(logits / T)) for classes, the mean of the Bernoulli
    divergences for labels, the squared difference of the predictions for regression. No gradient
    reaches the teacher. The loss of G²D takes the sum over modalities.

    Args:
        task: What is predicted.
        logits: The student's fused logits, `(B, C)`.
        teacher: The logits of a modality's teacher, `(B, C)`.
        present: Which samples have the modality, bool `(B,)`; `None` for all.
        temperature: T.

    Returns:
        A scalar; 0 where no sample has the modality.

    Source: Rakib and Bagavathi, G²D, ICCV 2025 (arXiv 2506.21514), Eq. 3.

    Example:
        >>> logits, teacher = torch.zeros(1, 2), torch.tensor([[0.0, 2.0]])
        >>> logit_distance(Classification(2), logits, teacher)
        tensor(0.3278)
    """
    return mean_over_present(task.divergence(logits, teacher, temperature), present)


def mbsd_distillation(
    one: Tensor,
    other: Tensor,
    target: Tensor,
    present: Tensor | None = None,
    divergence: float = 1.0,
    distance: float = 1.0,
) -> Tensor:
    """The distillation loss of the less certain of two modalities, averaged over samples.

    ω (δ KL(p_s ‖ p_w) + ε ‖z_s - z_w‖² / C): in each sample s is the modality that gives the true
    class the higher probability and w the other; ω = p_s[y] - p_w[y] where one of the two is right,
    else 0. The stronger one gets no gradient. The loss of MBSD takes the mean over pairs.

    Args:
        one: Unimodal logits, `(B, C)`.
        other: Those of another modality, `(B, C)`.
        target: Classes, `(B,)`.
        present: Which samples have both modalities, bool `(B,)`; `None` for all.
        divergence: δ.
        distance: ε.

    Returns:
        A scalar.

    Source: Liu et al., WSDM 2023, in the form of BalanceBenchmark (arXiv 2502.10816).

    Example:
        >>> one, other = torch.tensor([[2.0, 0.0]]), torch.tensor([[0.0, 0.0]])
        >>> mbsd_distillation(one, other, torch.tensor([0]), divergence=0.0)
        tensor(0.7616)
    """
    task = Classification(one.shape[1])
    sure = [task.confidence(z.detach(), target) for z in (one, other)]
    right = [task.predict(z.detach()) == target for z in (one, other)]
    first = (sure[0] > sure[1])[:, None]
    strong = torch.where(first, one, other).detach()
    weak = torch.where(first, other, one)
    weight = (sure[0] - sure[1]).abs() * (right[0] | right[1])
    each = divergence * task.divergence(weak, strong)
    if distance:
        each = each + distance * (weak.float() - strong.float()).square().mean(dim=1)
    return mean_over_present(weight * each, present)
