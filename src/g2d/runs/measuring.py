"""What a run measures once its model is trained."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from g2d.data.splits import Splits
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.records import write_predictions
from g2d.engine.settings import TrainingSettings
from g2d.methods.validation import FUSED
from g2d.models.multimodal import MultimodalModel
from g2d.recipes.missing import by_pattern
from g2d.runs.loaders import evaluation_loader, to_device
from g2d.runs.run import Run
from g2d.tasks import Classification

if TYPE_CHECKING:
    from lightning_fabric import Fabric

logger = logging.getLogger(__name__)


def settled(
    run: Run,
    student: MultimodalModel,
    splits: Splits,
    settings: TrainingSettings,
    fabric: Fabric,
) -> Splits:
    """The splits with what the task had left open chosen on validation, and recorded in the run."""
    task = splits.spec.task
    if not task.unsettled:
        return splits
    seen = evaluate(student, to_device(evaluation_loader(splits.val, settings), fabric), task)
    task = task.settled(seen.logits[FUSED], seen.target)
    splits = replace(splits, spec=replace(splits.spec, task=task))
    run.write_json("model.json", {**run.description, "task": task.describe()})
    return splits


def measure(
    run: Run,
    student: MultimodalModel,
    splits: Splits,
    settings: TrainingSettings,
    fabric: Fabric,
) -> dict[str, Evaluation]:
    """Validation once more, and test for the first and only time, unless it is withheld."""
    measured = {}
    for name, split in splits.measured().items():
        if name == "train":
            continue
        batches = to_device(evaluation_loader(split, settings), fabric)
        evaluation = evaluate(student, batches, splits.spec.task)
        evaluation = by_pattern(evaluation, splits, name)
        write_predictions(run.path, name, evaluation)
        measured[name] = evaluation
        logger.info("%s %s: %s", run.path.name, name, evaluation.metrics[splits.spec.task.metric])
    return measured


def uneven(splits: Splits) -> bool:
    """Whether accuracy alone misleads: a class has over half as many rows again as another."""
    if not isinstance(splits.spec.task, Classification):
        return False
    counts = splits.train.target.bincount(minlength=splits.spec.task.outputs)
    return bool(counts.max() > 1.5 * counts.min())
