"""The result of a run: `result.json`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.engine.session import FitResult
from g2d.methods.validation import FUSED
from g2d.recipes.experiment import Experiment
from g2d.runs.floors import measure_floors, shallow_floors
from g2d.runs.measuring import measure, settled, uneven
from g2d.runs.prepared import Prepared
from g2d.runs.run import Run
from g2d.runs.together import can_blend, with_teachers

if TYPE_CHECKING:
    from lightning_fabric import Fabric


def measure_outcome(
    run: Run,
    experiment: Experiment,
    prepared: Prepared,
    trained: FitResult,
    out: Path,
    fabric: Fabric,
    *,
    floors: bool,
) -> dict[str, Any]:
    """Measures the trained model, once, and what stands beside it.

    Args:
        run: Its predictions are written into its folder.
        experiment: What was trained.
        prepared: The model, its teachers and members.
        trained: What training came to.
        out: Folder of runs, where floors are kept.
        fabric: The devices.
        floors: Whether predictors without a network stand beside the model.

    Returns:
        What `result.json` holds.
    """
    plan, settings, student = experiment.plan, experiment.training, prepared.student
    splits = settled(run, student, experiment.splits, settings, fabric)
    measured = measure(run, student, splits, settings, fabric)
    result = {
        "method": plan.label,
        "dataset": splits.spec.name,
        "seed": experiment.recipe.seed,
        "protocol": splits.spec.protocol,
        "epochs": trained.epochs,
        "best_epoch": trained.best_epoch,
        "seconds": round(trained.seconds, 2),
        "samples": {name: len(split) for name, split in splits.named().items()},
        **{name: evaluation.record() for name, evaluation in measured.items()},
    }
    taught, blended = prepared.taught, prepared.blended
    if taught is not None:
        result["teachers"] = taught.record(experiment.teaching, out)
    if blended is not None:
        result["members"] = blended.record
        result["seconds"] = round(sum(one["seconds"] for one in blended.record), 2)
    if uneven(splits):
        result["uneven"] = True
    task = experiment.splits.spec.task
    fused = {name: evaluation.logits[FUSED] for name, evaluation in measured.items()}
    targets = {name: evaluation.target for name, evaluation in measured.items()}
    shallow = shallow_floors(splits, out) if floors else None
    if taught is None:
        if shallow is not None:
            result["floors"] = measure_floors(task, fused, targets, shallow)
        return result
    heldout, weights = taught.heldout_of(experiment.teaching, fabric), taught.weights
    result["floors"] = measure_floors(task, fused, targets, shallow, heldout, weights)
    if can_blend(experiment, student):
        result["with_teachers"] = with_teachers(task, fused, targets, heldout, weights)
    return result
