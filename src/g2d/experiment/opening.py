"""A finished run, opened again: model, data and teachers, checked to belong together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from g2d.analysis.subject import Subject
from g2d.data.loader import make_loader
from g2d.data.splits import Split, Splits
from g2d.engine.checkpoint import load_weights
from g2d.engine.records import RunFolder
from g2d.errors import UserError
from g2d.experiment.build import build_splits, build_teacher
from g2d.experiment.missing import with_saved_masks
from g2d.experiment.recipe import Recipe, recipe_from, with_changes
from g2d.experiment.teach import EVALUATION_BATCH
from g2d.experiment.train import load_run, without_pretrained
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel


@dataclass(frozen=True)
class OpenedRun:
    """A finished run beside its data.

    Attributes:
        model: In eval mode.
        recipe: What the run was made from, the data's place as it is now.
        splits: The data.
    """

    model: MultimodalModel
    recipe: Recipe
    splits: Splits


def open_run(folder: Path, changes: Sequence[tuple[str, Any]] = ()) -> OpenedRun:
    """Loads the model of a run and the data it was trained on.

    Args:
        folder: A finished run.
        changes: Where the data is now, if it has moved: `("data.root", "/new/place")`.

    Raises:
        UserError: This is no finished run, or the data is not what it was trained on.
    """
    model, recipe = load_run(folder)
    for key, _ in changes:
        if not key.startswith("data."):
            raise UserError(
                f"--{key}: a finished run is evaluated as it is; only --data.* may change"
            )
    about = RunFolder(folder).read_json("run.json")
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
    return OpenedRun(model, recipe, splits)


def open_subject(
    folder: Path,
    out: Path | None = None,
    changes: Sequence[tuple[str, Any]] = (),
    label: str | None = None,
) -> Subject:
    """A finished run as the analyses want it, with its teachers where it names any.

    Args:
        folder: A finished run.
        out: The folder that the run names its teachers relative to; the one it lies in when not
            given.
        changes: Where the data is now, if it has moved.
        label: What figures call it; its method when not given.

    Raises:
        UserError: The run, its data or one of its teachers is not there or not what it was.
    """
    opened = open_run(folder, changes)
    result = RunFolder(folder).read_json("result.json")
    named = result.get("teachers", {}).get("folders", {})
    teachers = {
        name: _load_teacher((out or folder.parent) / place, name, opened.splits)
        for name, place in named.items()
    }
    splits = opened.splits.named()
    return Subject(
        label=label or result["method"],
        model=opened.model,
        task=opened.splits.spec.task,
        batches=lambda name: _sweep(splits[name]),
        teachers=teachers,
        seen=partial(_sweep, splits["train"]),
        folder=folder,
    )


def _sweep(split: Split) -> Any:
    return make_loader(split, EVALUATION_BATCH, shuffle=False)


def _load_teacher(folder: Path, modality: str, splits: Splits) -> UnimodalModel:
    run = RunFolder(folder)
    if not run.finished:
        raise UserError(
            f"there is no finished teacher in {folder}; give --out, the folder that the run was "
            "trained in"
        )
    recipe = without_pretrained(recipe_from(run.read_json("run.json")["recipe"]))
    model = build_teacher(recipe, modality, splits.spec.task)
    load_weights(folder / "model.safetensors", model)
    return model.eval()


def _policy(protocol: str) -> str:
    """The split policy of a protocol, without what is hidden."""
    return protocol.partition(", missing")[0]
