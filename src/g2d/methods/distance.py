"""Distances between a student and its teachers, with samples whose modality is absent left out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.tasks import Task
from g2d.teachers.bank import TeacherOutputs

FeatureReduction = Literal["mean", "sum"]


def feature_distance(
    outputs: Outputs,
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    reduction: FeatureReduction,
) -> Tensor:
    """Σ_m L_feat^m, Eq. 2: squared distance of features, averaged over samples.

    Args:
        outputs: The student's.
        batch: Tells which samples have which modality.
        teachers: Their features are the targets; no gradient reaches them.
        reduction: `"sum"` over the dimensions is the squared norm of Eq. 2; `"mean"` is what the
            authors' code computes, smaller by the width of the feature.
    """
    terms = []
    for name, said in teachers.items():
        student, target = outputs.features[name], said.features.detach()
        if student.shape != target.shape:
            raise UserError(
                f"the features of {name!r} are {tuple(student.shape[1:])} in the student and "
                f"{tuple(target.shape[1:])} in its teacher; give both encoders the same width"
            )
        squared = (student.float() - target.float()) ** 2
        each = squared.mean(dim=1) if reduction == "mean" else squared.sum(dim=1)
        terms.append(mean_over_present(each, batch.present.get(name)))
    return torch.stack(terms).sum()


def logit_distance(
    outputs: Outputs,
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    task: Task,
    temperature: float,
) -> Tensor:
    """Σ_m L_logit^m, Eq. 3: divergence of the fused prediction from every teacher's."""
    terms = [
        mean_over_present(
            task.divergence(outputs.logits, said.logits, temperature), batch.present.get(name)
        )
        for name, said in teachers.items()
    ]
    return torch.stack(terms).sum()


def mean_over_present(values: Tensor, present: Tensor | None) -> Tensor:
    """The mean over the samples in which the modality is there; 0 where it is in none.

    Example:
        >>> mean_over_present(torch.tensor([1.0, 5.0]), torch.tensor([True, False]))
        tensor(1.)
    """
    if present is None:
        return values.mean()
    return torch.where(present, values, 0.0).sum() / present.sum().clamp(min=1)
