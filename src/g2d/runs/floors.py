"""What a trained model must not be below: the best teacher, and the teachers' fitted ensemble."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from g2d.data.splits import Split
from g2d.engine.settings import TrainingSettings
from g2d.runs.loaders import evaluation_loader, to_device
from g2d.runs.run import Run
from g2d.tasks import Task
from g2d.teachers.bank import OnlineTeachers
from g2d.teachers.calibrated import Calibration, HeldOut

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CALIBRATION = "calibration.json"


def ask_teachers(
    online: OnlineTeachers, split: Split, settings: TrainingSettings, fabric: Fabric
) -> HeldOut:
    """The teachers' logits on a whole split."""
    return HeldOut(online, to_device(evaluation_loader(split, settings), fabric))


def calibration_of(run: Run, heldout: HeldOut) -> Calibration:
    """That which the run began with, so that a resumed one goes on with the same numbers."""
    if (run.path / CALIBRATION).exists():
        return Calibration(**run.read_json(CALIBRATION))
    return heldout.calibration()


def measure_floors(
    task: Task,
    asked: Mapping[str, HeldOut],
    weights: Mapping[str, float],
    fused: Mapping[str, Tensor],
) -> dict[str, Any]:
    """The best modality alone and the fitted ensemble, beside the model, on the same samples.

    Args:
        task: What is predicted.
        asked: The teachers' logits on `val`, and on `test` where it is measured.
        weights: Of the ensemble, fitted on validation.
        fused: The model's fused logits of the same splits, `(N, C)`.

    Returns:
        `weights`; `metric`, the task's; `modality`, the one whose teacher is best on validation;
        and for each split the metrics of `single` and of `fused_there`, both on the `samples` that
        have that modality, the metrics of `ensemble`, and which of `single` and `ensemble` is
        `above` the model on its samples.
    """
    best: str | None = None
    for name in asked["val"].logits:
        if best is None or task.better(_alone(task, asked, name), _alone(task, asked, best)):
            best = name
    assert best is not None
    floors: dict[str, Any] = {"weights": dict(weights), "metric": task.metric, "modality": best}
    for name, heldout in asked.items():
        there = heldout.present[best]
        target = heldout.target[there]
        found = {
            "single": task.metrics(heldout.logits[best][there], target),
            "fused_there": task.metrics(fused[name][there], target),
            "ensemble": task.metrics(heldout.ensemble(weights), heldout.target),
        }
        everywhere = task.metrics(fused[name], heldout.target)
        model = {"single": found["fused_there"], "ensemble": everywhere}
        above = [key for key in model if _above(task, found[key], model[key])]
        floors[name] = {**found, "samples": int(there.sum()), "above": above}
    return floors


def _above(task: Task, teachers: Mapping[str, float], model: Mapping[str, float]) -> bool:
    one, other = teachers[task.metric], model[task.metric]
    return task.better(one, other) and not math.isclose(one, other, rel_tol=1e-6)


def _alone(task: Task, asked: Mapping[str, HeldOut], modality: str) -> float:
    heldout = asked["val"]
    there = heldout.present[modality]
    return task.metrics(heldout.logits[modality][there], heldout.target[there])[task.metric]
