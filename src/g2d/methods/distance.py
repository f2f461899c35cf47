"""Distances between a student and its teachers, summed over the modalities of a batch."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from g2d import functional as F
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.distillation import FeatureReduction
from g2d.tasks import Task
from g2d.teachers.bank import TeacherOutputs


def feature_distance(
    outputs: Outputs,
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    reduction: FeatureReduction,
) -> Tensor:
    """Σ_m L_feat^m, Eq. 2 (`g2d.functional.feature_distance`).

    Args:
        outputs: The student's.
        batch: Tells which samples have which modality.
        teachers: Their features are the targets; no gradient reaches them.
        reduction: Over the dimensions of a feature.

    Raises:
        UserError: A modality's features have another width in its teacher.
    """
    terms = []
    for name, said in teachers.items():
        features = outputs.features[name]
        if features.shape != said.features.shape:
            raise UserError(
                f"the features of {name!r} are {tuple(features.shape[1:])} in the student and "
                f"{tuple(said.features.shape[1:])} in its teacher; give both encoders the same "
                "width"
            )
        terms.append(
            F.feature_distance(features, said.features, batch.present.get(name), reduction)
        )
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
        F.logit_distance(task, outputs.logits, said.logits, batch.present.get(name), temperature)
        for name, said in teachers.items()
    ]
    return torch.stack(terms).sum()
