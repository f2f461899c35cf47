"""What a trained model must not be below: the best teacher, and the teachers' fitted ensemble."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor

from g2d.data.splits import Split, Splits
from g2d.engine.records import RunFolder
from g2d.engine.settings import TrainingSettings
from g2d.runs.loaders import evaluation_loader, to_device
from g2d.tasks import Task
from g2d.teachers.bank import OnlineTeachers
from g2d.teachers.calibrated import Calibration, HeldOut

if TYPE_CHECKING:
    from lightning_fabric import Fabric

CALIBRATION = "calibration.json"


def ask_heldout(
    online: OnlineTeachers, splits: Splits, fabric: Fabric, split: Split | None = None
) -> HeldOut:
    """What the teachers answer to validation, or to another split."""
    asked = splits.val if split is None else split
    return HeldOut(online, to_device(evaluation_loader(asked, TrainingSettings()), fabric))


def calibration_of(run: RunFolder, heldout: HeldOut) -> Calibration:
    """That which the run began with, so that a resumed one goes on with the same numbers."""
    if (run.path / CALIBRATION).exists():
        return Calibration(**run.read_json(CALIBRATION))
    return heldout.calibration()


def measure_floors(
    online: OnlineTeachers,
    weights: Mapping[str, float],
    splits: Splits,
    fabric: Fabric,
    measured: Mapping[str, Any],
) -> dict[str, Any]:
    """The best modality alone and the fitted ensemble, on validation and on test.

    Args:
        online: The teachers.
        weights: Of the ensemble, fitted on validation.
        splits: Test is not measured where it is withheld.
        fabric: The device.
        measured: By split, the model's own metrics.

    Returns:
        `weights`; `metric`, the task's; `modality`, the one whose teacher is best on validation;
        and for each split the metrics of `single` and `ensemble`, and which of the two is `above`
        the model. A teacher is measured on the samples that have its modality, and compared where
        all have it.
    """
    task = splits.spec.task
    asked = {
        name: ask_heldout(online, splits, fabric, split)
        for name, split in splits.measured().items()
        if name != "train"
    }
    best: str | None = None
    for name in online.modalities:
        alone = _alone(task, asked["val"], name)
        if best is None or task.better(alone, _alone(task, asked["val"], best)):
            best = name
    assert best is not None
    floors: dict[str, Any] = {"weights": dict(weights), "metric": task.metric, "modality": best}
    for name, heldout in asked.items():
        found = {
            "single": task.metrics(*_rows(heldout, best)),
            "ensemble": task.metrics(heldout.ensemble(weights), heldout.target),
        }
        fused = measured[name][task.metric]["fused"]
        comparable = {"ensemble"} | ({"single"} if heldout.present[best].all() else set())
        above = [key for key in found if key in comparable and _above(task, found[key], fused)]
        floors[name] = {**found, "above": above}
    return floors


def _above(task: Task, metrics: Mapping[str, float], fused: float) -> bool:
    value = metrics[task.metric]
    return task.better(value, fused) and not math.isclose(value, fused, rel_tol=1e-6)


def _rows(heldout: HeldOut, modality: str) -> tuple[Tensor, Tensor]:
    there = heldout.present[modality]
    return heldout.logits[modality][there], heldout.target[there]


def _alone(task: Task, heldout: HeldOut, modality: str) -> float:
    return task.metrics(*_rows(heldout, modality))[task.metric]
