"""A finished run, measured on a split."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from g2d.data.loader import make_loader
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.records import RunFolder
from g2d.errors import UserError
from g2d.recipes.missing import by_pattern
from g2d.runs.loaders import EVALUATION_BATCH
from g2d.runs.opening import open_run


def evaluate_run(
    folder: Path, split: str, changes: Sequence[tuple[str, Any]] = (), trust: bool = False
) -> Evaluation:
    """Evaluates a run on `train`, `val` or `test` and keeps the predictions in its folder.

    Args:
        folder: A finished run.
        split: Which split.
        changes: Where the data is now, if it has moved: `("data.root", "/new/place")`.
        trust: Whether code outside g2d that the run names may be run.

    Raises:
        UserError: This is no finished run, the data is not what it was trained on, or it names
            code outside g2d that is not trusted.
    """
    if split not in ("train", "val", "test"):
        raise UserError(f"there is no split {split!r}; expected train, val or test")
    opened = open_run(folder, changes, trust)
    splits = opened.splits
    loader = make_loader(splits.named()[split], EVALUATION_BATCH, shuffle=False)
    evaluation = by_pattern(evaluate(opened.model, loader, splits.spec.task), splits, split)
    RunFolder(folder).write_predictions(split, evaluation)
    return evaluation
