"""A student together with its teachers: what `blend` makes of them, without training anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor

from g2d.functional import ensemble_logits, fit_blend_weights
from g2d.models.multimodal import MultimodalModel
from g2d.recipes.experiment import Experiment
from g2d.runs.floors import TaskLogits
from g2d.tasks import Task
from g2d.teachers.calibrated import HeldOut


def blend_weights(
    task: Task, logits: Sequence[Tensor], target: Tensor
) -> tuple[list[float], list[float]]:
    """The weights of a blend's members and their shares, as `result.json` has them.

    Args:
        task: What is predicted.
        logits: Of every member on validation, `(N, C)`; every sample has a modality of each.
        target: Of the same samples.
    """
    weights, shares = fit_blend_weights(task, logits, target)
    return _four_digits(weights), _four_digits(shares)


def can_blend(experiment: Experiment, student: MultimodalModel) -> bool:
    """Whether `blend` adds this student and its teachers: networks, and features to fuse."""
    trained = experiment.plan.trains and experiment.plan.needs_teachers
    return trained and not experiment.teaching.experts and not student.fusion.needs_tokens


def with_teachers(
    task: Task,
    fused: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    heldout: Mapping[str, HeldOut],
    weights: Mapping[str, float],
) -> dict[str, Any]:
    """The sum of a student's logits and those of its teachers' ensemble, weighted on validation.

    Args:
        task: What is predicted.
        fused: The student's fused logits on `val`, and on `test` where it is measured, `(N, C)`.
        targets: Of the same splits.
        heldout: The teachers' logits of the same splits.
        weights: Of their ensemble, fitted on validation.

    Returns:
        `weights` and `shares` of student and ensemble, and the metrics on every split.
    """
    logits = {split: [one, heldout[split].ensemble(weights)] for split, one in fused.items()}
    blended, shares = blend_weights(task, logits["val"], targets["val"])
    total = {
        split: ensemble_logits(both, weights=both[0].new_tensor(blended))
        for split, both in logits.items()
    }
    own = task.settled(total["val"], targets["val"]) if task.unsettled else task
    measured = {split: TaskLogits(own, one).metrics(targets[split]) for split, one in total.items()}
    return {"weights": blended, "shares": shares, **measured}


def _four_digits(values: Tensor) -> list[float]:
    return [float(f"{one:.4g}") for one in values.tolist()]
