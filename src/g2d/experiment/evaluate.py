"""A finished run, measured on a split."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2d.data.loader import make_loader
from g2d.engine.evaluate import Evaluation, evaluate
from g2d.engine.records import RunFolder
from g2d.errors import UserError
from g2d.experiment.build import build_splits
from g2d.experiment.missing import by_pattern, with_saved_masks
from g2d.experiment.recipe import with_changes
from g2d.experiment.teach import EVALUATION_BATCH
from g2d.experiment.train import load_run


def evaluate_run(folder: Path, split: str, changes: Sequence[tuple[str, Any]] = ()) -> Evaluation:
    """Evaluates a run on `train`, `val` or `test` and keeps the predictions in its folder.

    Args:
        folder: A finished run.
        split: Which split.
        changes: Where the data is now, if it has moved: `("data.root", "/new/place")`.

    Raises:
        UserError: This is no finished run, or the data is not what it was trained on.
    """
    if split not in ("train", "val", "test"):
        raise UserError(f"there is no split {split!r}; expected train, val or test")
    model, recipe = load_run(folder)
    for key, _ in changes:
        if not key.startswith("data."):
            raise UserError(
                f"--{key}: a finished run is evaluated as it is; only --data.* may change"
            )
    run = RunFolder(folder)
    about = run.read_json("run.json")
    recipe = replace(recipe, data=with_changes(recipe, changes).data)
    recipe = with_saved_masks(recipe, folder, about.get("missing", {}).get("masks", {}))
    splits = build_splits(recipe)
    known = about["fingerprint"]
    if splits.spec.fingerprint != known:
        raise UserError(
            f"the data is not what {folder.name} was trained on (fingerprint "
            f"{splits.spec.fingerprint[:12]}, expected {known[:12]})"
        )
    trained, now = (_policy(protocol) for protocol in (about["protocol"], splits.spec.protocol))
    if trained != now:
        raise UserError(
            f"{folder.name} was trained under the split policy {trained!r}, got {now!r}, which may "
            "count training samples as test; leave data.protocol as it was"
        )
    loader = make_loader(splits.named()[split], EVALUATION_BATCH, shuffle=False)
    evaluation = by_pattern(evaluate(model, loader, splits.spec.task), splits, split)
    run.write_predictions(split, evaluation)
    return evaluation


def _policy(protocol: str) -> str:
    """The split policy of a protocol, without what is hidden."""
    return protocol.partition(", missing")[0]
