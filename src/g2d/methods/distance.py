"""Distances between a student and its teachers, summed over the modalities of a batch."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from g2d import functional as F
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.distillation import FeatureReduction
from g2d.functional.present import stacked_masks, total
from g2d.methods.parts import weighed
from g2d.methods.unimodal import shown
from g2d.tasks import Task
from g2d.teachers.bank import TeacherOutputs


def feature_distance(
    outputs: Outputs,
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    reduction: FeatureReduction,
) -> Tensor:
    """The feature distance Σ_m L_feat^m, Eq. 2 (`g2d.functional.feature_distance`).

    Args:
        outputs: The student's.
        batch: Tells which samples have which modality.
        teachers: Their features are the targets; no gradient reaches them.
        reduction: Over the dimensions of a feature.

    Raises:
        UserError: A modality's features have another width in its teacher.
    """
    terms = []
    for name, taught in teachers.items():
        features = outputs.features[name]
        if taught.features.shape[1] == 0:  # it is no network
            continue
        if features.shape != taught.features.shape:
            raise UserError(
                f"the features of {name!r} are {tuple(features.shape[1:])} in the student and "
                f"{tuple(taught.features.shape[1:])} in its teacher; give both encoders the same "
                "width"
            )
        term = F.feature_distance(features, taught.features, batch.present.get(name), reduction)
        terms.append(weighed(term, batch, name))
    return total(terms) if terms else outputs.logits.new_zeros(())


def logit_distance(
    outputs: Outputs,
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    task: Task,
    temperature: float,
) -> Tensor:
    """Σ_m L_logit^m, Eq. 3: divergence of the fused prediction from every teacher's."""
    fused = dict.fromkeys(teachers, outputs.logits)
    return _divergence(fused, batch, teachers, task, temperature)


def branch_distance(
    outputs: Outputs,
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    task: Task,
    temperature: float,
) -> Tensor:
    """Σ_m of the divergence of each modality's own logits from its teacher's.

    Raises:
        UserError: The model shows no logits of the modalities in training.
    """
    return _divergence(shown(outputs), batch, teachers, task, temperature)


def ensemble_distance(
    outputs: Outputs, batch: Batch, ensemble: Tensor, task: Task, temperature: float
) -> Tensor:
    """Divergence of the fused prediction from that of the teachers' ensemble.

    Args:
        outputs: The student's.
        batch: Tells which samples have any modality at all.
        ensemble: The ensemble's logits, `(B, C)`; no gradient reaches them.
        task: What is predicted.
        temperature: Softens both sides.
    """
    masks = [batch.present.get(name) for name in outputs.features]
    stacked = stacked_masks(masks, ensemble[:, 0])
    there = None if stacked is None else stacked.any(dim=0)
    distance = F.logit_distance(task, outputs.logits, ensemble, there, temperature)
    return weighed(distance, batch, *outputs.features, one_is_enough=True)


def _divergence(
    logits: Mapping[str, Tensor],
    batch: Batch,
    teachers: Mapping[str, TeacherOutputs],
    task: Task,
    temperature: float,
) -> Tensor:
    """Σ_m of the divergence of some logits from those of each teacher."""
    terms = []
    for name, taught in teachers.items():
        mask = batch.present.get(name)
        term = F.logit_distance(task, logits[name], taught.logits, mask, temperature)
        terms.append(weighed(term, batch, name))
    return total(terms)
