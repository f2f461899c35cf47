"""What is measured of a pass: for each modality and quantity a sum, and of how many it is.

Nothing here reads a value from the device. Every sum is over the samples that have the modality.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from g2d import gates
from g2d.batch import Batch
from g2d.errors import UserError
from g2d.functional.present import sum_over_present
from g2d.models.fusion.base import kept, presence
from g2d.monitor.gradients import cosine, norm
from g2d.monitor.tally import if_defined
from g2d.student.base import Student
from g2d.student.model_outputs import UnindexedBatch
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank

# Stands for all modalities together.
FUSED = "fused"
QUANTITIES = (
    "score",
    "teacher_score",
    "confidence",
    "teacher_confidence",
    "gradient_norm",
    "cosine",
    "conflict",
)
Logits = Mapping[str, Tensor]
# By modality and quantity, `(2,)`.
Pairs = dict[tuple[str, str], Tensor]


def scores(task: Task, logits: Logits, batch: Batch) -> Pairs:
    """The terms of the task's metric for some predictions."""
    return {
        (name, "score"): sum_over_present(task.terms(z, batch.target), batch.present.get(name))
        for name, z in logits.items()
    }


def teacher_logits(teachers: TeacherBank | None, batch: Batch, training: bool) -> dict[str, Tensor]:
    """The teachers' logits; of cached teachers in training only, since they know that split alone.

    Raises:
        UserError: Cached teachers do not know which samples these are.
    """
    if teachers is None or not (training or teachers.any_data):
        return {}
    if not teachers.any_data and isinstance(batch, UnindexedBatch):
        raise UserError(
            "cached teachers need to know which samples the batch holds; give "
            "doctor.watch(target, index=...), the position of each in the training data"
        )
    return {name: outputs.logits for name, outputs in teachers.outputs(batch).items()}


def beside_teachers(task: Task, own: Logits, taught: Logits, batch: Batch) -> Pairs:
    """The teachers' scores and confidence, and the confidence of the modalities they taught."""
    pairs: Pairs = {}
    for name, logits in taught.items():
        mask = batch.present.get(name)
        pairs[name, "teacher_score"] = sum_over_present(task.terms(logits, batch.target), mask)
        for quantity, z in (("confidence", own.get(name)), ("teacher_confidence", logits)):
            if z is not None:
                sure = task.confidence(z, batch.target)
                pairs[name, quantity] = sum_over_present(sure, mask)
    return pairs


def directions(reached: Logits, own: Logits, batch: Batch) -> Pairs:
    """cos(∂L/∂f_m, ∂L_m/∂f_m), and whether it is negative, which is a conflict."""
    masks = presence(reached, batch.present)
    pairs: Pairs = {}
    for name, gradient in reached.items():
        if name in own:
            angle = if_defined(cosine(kept(gradient, masks.get(name)), own[name]))
            pairs[name, "cosine"] = angle
            pairs[name, "conflict"] = torch.stack([(angle[0] < 0).to(angle), angle[1]])
    return pairs


def norms(student: Student) -> Pairs:
    """‖∂L/∂θ_m‖ of the gradients that the loop has made; 0 where an encoder has none.

    Raises:
        UserError: There are no gradients at all.
    """
    there = {
        name: _known(gates.gradients_of(student.encoder_parameters(name)))
        for name in student.modalities
    }
    if not any(there.values()) and not _known(gates.gradients_of(student.parameters())):
        raise UserError(
            "the model has no gradients; call doctor.watch(target) after loss.backward() and "
            "before optimizer.zero_grad()"
        )
    zero = torch.zeros((), device=student.device)
    return {
        (name, "gradient_norm"): if_defined(norm(found) if found else zero)
        for name, found in there.items()
    }


def _known(gradients: Sequence[Tensor | None]) -> list[Tensor]:
    return [gradient for gradient in gradients if gradient is not None]


def values_of(task: Task, means: Mapping[str, float]) -> dict[str, float]:
    """The numbers of one modality as they are shown, from the means of its quantities."""
    values = {}
    for quantity, shown in (("score", ""), ("teacher_score", "teacher_")):
        if quantity in means:
            values[f"{shown}{task.metric}"] = task.metric_of(means[quantity])
    values |= {q: means[q] for q in ("gradient_norm", "cosine", "conflict") if q in means}
    if means.get("teacher_confidence") and "confidence" in means:
        values["confidence_ratio"] = means["confidence"] / means["teacher_confidence"]
    return values
