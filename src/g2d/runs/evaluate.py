"""A finished run, measured on a split."""

from __future__ import annotations

from g2d.data.loader import make_loader
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.records import write_predictions
from g2d.errors import UserError
from g2d.recipes.missing import by_pattern
from g2d.runs.loaders import EVALUATION_BATCH
from g2d.runs.run import Run


def evaluate_run(run: Run, split: str) -> Evaluation:
    """Evaluates a run on `train`, `val` or `test` and keeps the predictions in its folder.

    Raises:
        UserError: This is no finished run, the data is not what it was trained on, or it names
            code outside g2d that is not trusted.
    """
    if split not in ("train", "val", "test"):
        raise UserError(f"there is no split {split!r}; expected train, val or test")
    model, splits = run.model, run.splits
    loader = make_loader(splits.named()[split], EVALUATION_BATCH, shuffle=False)
    evaluation = by_pattern(evaluate(model, loader, splits.spec.task), splits, split)
    write_predictions(run.path, split, evaluation)
    return evaluation
