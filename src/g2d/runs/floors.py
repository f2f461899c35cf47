"""Floors that a model should beat: predictors without a network, teachers, their ensemble."""

from __future__ import annotations

import logging
import math
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from g2d.data.splits import Split, Splits
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError, require
from g2d.methods.validation import FUSED
from g2d.recipes.recipe import digest
from g2d.runs.loaders import evaluation_loader, to_device
from g2d.runs.run import Run
from g2d.shallow.floors import Floors, fit_floors
from g2d.shallow.store import load_floors, save_floors
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank
from g2d.teachers.calibrated import Calibration, HeldOut

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)

CALIBRATION = "calibration.json"
# Floors of another version are fitted anew.
_VERSION = 2


@dataclass(frozen=True)
class TaskLogits:
    """Logits with the task that measures them, which holds its threshold where it has one.

    Attributes:
        task: Of these logits, settled.
        logits: `(N, C)`.
    """

    task: Task
    logits: Tensor

    def metrics(self, target: Tensor) -> dict[str, float]:
        """The metrics of the task."""
        return self.task.metrics(self.logits, target)

    def terms(self, target: Tensor) -> Tensor:
        """Each sample's term of the task's metric, `(N,)`."""
        return self.task.terms(self.logits, target)


def predict_teachers(
    online: TeacherBank, split: Split, settings: TrainingSettings, fabric: Fabric
) -> HeldOut:
    """The teachers' logits on a whole split."""
    return HeldOut(online, to_device(evaluation_loader(split, settings), fabric))


def calibration_of(run: Run, heldout: HeldOut) -> Calibration:
    """The calibration that the run began with; a resumed run goes on with the same numbers."""
    if (run.path / CALIBRATION).exists():
        return Calibration(**run.read_json(CALIBRATION))
    return heldout.calibration()


def shallow_floors(splits: Splits, out: Path) -> Floors | None:
    """Predictors without a network, where the data defines what they read; fitted once.

    Args:
        splits: The data.
        out: Folder of runs; their logits are kept under `floors`.
    """
    spec = splits.spec
    if spec.short_vectors is None:
        return None
    names = [name for name in splits.measured() if name != "train"]
    key = digest([_VERSION, spec.fingerprint, spec.protocol, names])
    file = out / "floors" / f"{spec.name}-{key}.npz"
    known = load_floors(file, spec.task)
    if known is not None:
        return known
    found = try_floors(splits)
    if found is not None:
        save_floors(file, found)
    return found


def try_floors(splits: Splits, without: Collection[str] = ()) -> Floors | None:
    """Predictors without a network; a warning where they cannot be fitted: nothing needs them."""
    try:
        require("sklearn", "tables")
        return fit_floors(splits, without=without)
    except UserError as error:
        logger.warning("no floors beside the result: %s", error)
        return None


def measure_floors(
    task: Task,
    fused: Mapping[str, Tensor],
    targets: Mapping[str, Tensor],
    shallow: Floors | None = None,
    heldout: Mapping[str, HeldOut] | None = None,
    weights: Mapping[str, float] | None = None,
) -> dict[str, Any]:
    """Measures floors (simple predictors that a model should beat) and the model on equal samples.

    Args:
        task: What is predicted. What it leaves to validation, as a threshold, each floor chooses
            there for itself, as the model does.
        fused: The model's fused logits on `val`, and on `test` where it is measured, `(N, C)`.
        targets: Of the same splits.
        shallow: Predictors without a network.
        heldout: The teachers' logits of the same splits, where there are teachers.
        weights: Of their ensemble, fitted on validation.

    Returns:
        `metric`, the task's; for each split the metrics of every floor, those that are `above` the
        model on their samples, and of these the ones that are so by more than one standard error
        of the difference, `clearly`. Of predictors without a network what each `reads`, and
        `notes`. Of teachers their `weights`, and `modality`, the one whose teacher is best on
        validation; then floors are also `single`, that teacher, on the `samples` that have the
        modality, where the model has `fused_there`, and `ensemble`.
    """
    floors: dict[str, Any] = {"metric": task.metric}
    if shallow is not None:
        reads = {name: list(names) for name, names in shallow.reads.items()}
        floors |= {"reads": reads, "notes": list(shallow.notes)}
    if heldout is not None and weights is not None:
        floors |= {"weights": dict(weights), "modality": _best(task, heldout["val"])}
    own = task.settled(fused["val"], targets["val"]) if task.unsettled else task
    settled: dict[str, Task] = {}
    for split in sorted(fused, key=lambda name: name != "val"):  # where thresholds are chosen
        model, target = TaskLogits(own, fused[split]), targets[split]
        compared: dict[str, tuple[Tensor, TaskLogits, Tensor]] = {}
        more: dict[str, Any] = {}
        if shallow is not None:
            for name, logits in shallow.logits.items():
                compared[name] = (logits[split], model, target)
        if heldout is not None and weights is not None:
            there = heldout[split].present[floors["modality"]]
            alone = heldout[split].logits[floors["modality"]]
            some = TaskLogits(own, model.logits[there])
            compared["single"] = (alone[there], some, target[there])
            compared["ensemble"] = (heldout[split].ensemble(weights), model, target)
            more = {"fused_there": some.metrics(target[there]), "samples": int(there.sum())}
        for name, (floor, _, truth) in compared.items():
            settled.setdefault(name, task.settled(floor, truth))
        lines = {
            name: (TaskLogits(settled[name], floor), beside, truth)
            for name, (floor, beside, truth) in compared.items()
        }
        measured = {name: one.metrics(truth) for name, (one, _, truth) in lines.items()}
        above = [name for name, line in lines.items() if _above(*line)]
        clearly = [name for name in above if _clearly(*lines[name])]
        floors[split] = {**measured, **more, "above": above, "clearly": clearly}
    return floors


def joint_floor(run: Run) -> dict[str, Any] | None:
    """Joint training with the same recipe, seed and data, where it lies beside a run.

    Args:
        run: Finished, under the name that `g2d train` gives.

    Returns:
        The metrics of its fused prediction on test, and whether they are `above` the run's, and
        `clearly`; `None` where there is no such run.
    """
    label, task = f"-{run.result.get('method')}-", run.task
    joint = Run(run.path.with_name("-joint-".join(run.path.name.rsplit(label, 1))))
    if joint.path == run.path or not joint.finished or task is None:
        return None
    if joint.about["method"].get("gamma"):
        return None  # joint training, and more
    own, other = ({**one.about["recipe"], "method": None} for one in (run, joint))
    if own != other or run.fingerprint != joint.fingerprint:
        return None
    model, floor = (
        TaskLogits(one.task or task, torch.from_numpy(one.predictions("test")[f"logits/{FUSED}"]))
        for one in (run, joint)
    )
    target = torch.from_numpy(run.predictions("test")["target"])
    return {
        **{metric: values[FUSED] for metric, values in joint.metrics.items()},
        "above": _above(floor, model, target),
        "clearly": _clearly(floor, model, target),
    }


def _best(task: Task, heldout: HeldOut) -> str:
    """The modality whose teacher is best."""
    best: str | None = None
    for name in heldout.logits:
        if best is None or task.better(_alone(task, heldout, name), _alone(task, heldout, best)):
            best = name
    assert best is not None
    return best


def _alone(task: Task, heldout: HeldOut, modality: str) -> float:
    there = heldout.present[modality]
    return task.metrics(heldout.logits[modality][there], heldout.target[there])[task.metric]


def _above(floor: TaskLogits, model: TaskLogits, target: Tensor) -> bool:
    task = model.task
    one, other = (logits.metrics(target)[task.metric] for logits in (floor, model))
    return task.better(one, other) and not math.isclose(one, other, rel_tol=1e-6)


def _clearly(floor: TaskLogits, model: TaskLogits, target: Tensor) -> bool:
    """Whether a floor is better by more than one standard error of the difference."""
    difference = (floor.terms(target) - model.terms(target)).double()
    error = difference.std().item() / len(difference) ** 0.5 if len(difference) > 1 else math.inf
    return abs(difference.mean().item()) > error
