"""A finished run, opened again: model, data and teachers, checked to belong together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.build import architecture, build_splits
from g2d.recipes.experiment import resolve_teaching
from g2d.recipes.missing import with_saved_masks
from g2d.recipes.recipe import Recipe, with_changes
from g2d.runs.loaders import EVALUATION_BATCH
from g2d.runs.loading import load_run, without_pretrained
from g2d.runs.teach import teacher_folder
from g2d.runs.trust import Trust, recipe_of


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


def open_run(
    folder: Path, changes: Sequence[tuple[str, Any]] = (), trust: Trust = False
) -> OpenedRun:
    """Loads the model of a run and the data it was trained on.

    Args:
        folder: A finished run.
        changes: Where the data is now, if it has moved: `("data.root", "/new/place")`.
        trust: Whether code outside g2d that it names may be run; see `recipe_of`.

    Raises:
        UserError: This is no finished run, the data is not what it was trained on, or it names
            code outside g2d that is not trusted.
    """
    model, recipe = load_run(folder, trust)
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
    trust: Trust = False,
) -> Subject:
    """A finished run as the analyses want it, with its teachers where there are any.

    A run that used no teachers has those that its recipe would use, if they were trained.

    Args:
        folder: A finished run.
        out: The folder that the run names its teachers relative to; the one it lies in when not
            given.
        changes: Where the data is now, if it has moved.
        label: What figures call it; its method when not given.
        trust: Whether code outside g2d that the run or a teacher names may be run; see
            `recipe_of`.

    Raises:
        UserError: The run, its data or one of its teachers is not there or not what it was, or
            names code outside g2d that is not trusted.
    """
    opened = open_run(folder, changes, trust)
    result = RunFolder(folder).read_json("result.json")
    places = _teacher_folders(opened, result, out or folder.parent)
    splits = opened.splits.named()
    return Subject(
        label=label or result["method"],
        model=opened.model,
        task=opened.splits.spec.task,
        batches=lambda name: _sweep(splits[name].without_augmentation()),
        teachers={name: _load_teacher(places[name], name, opened.splits, trust) for name in places},
        seen=partial(_sweep, splits["train"]),
        folder=folder,
        teacher_folders=places,
        changes=tuple(changes),
        trust=trust,
    )


def open_subjects(
    folders: Sequence[Path],
    out: Path | None = None,
    changes: Sequence[tuple[str, Any]] = (),
    trust: Trust = False,
) -> tuple[Subject, ...]:
    """Several runs, each under a label of its own.

    Args:
        folders: Finished runs.
        out: See `open_subject`.
        changes: See `open_subject`.
        trust: See `open_subject`.

    Raises:
        UserError: One of them cannot be opened, or is named twice.
    """
    for folder in folders:
        if not RunFolder(folder).finished:
            raise UserError(f"{folder} is not a finished run folder")
        recipe_of(folder, trust)
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise UserError("got the same run twice; name each once")
    labels = _labels(folders)
    return tuple(
        open_subject(folder, out, changes, label, trust)
        for folder, label in zip(folders, labels, strict=True)
    )


def _labels(folders: Sequence[Path]) -> list[str]:
    """The shortest that tells all runs apart: method, data, what differs in recipes, folder."""
    results = [RunFolder(folder).read_json("result.json") for folder in folders]
    by_method = [str(result["method"]) for result in results]
    by_dataset = [f"{result['dataset']}, {result['method']}" for result in results]
    by_name = [folder.name for folder in folders]
    by_path = [str(folder) for folder in folders]
    by_setting = _settings([RunFolder(folder).read_json("run.json") for folder in folders])
    candidates = (by_method, by_dataset, by_setting, by_name, by_path)
    return next(labels for labels in candidates if len(set(labels)) == len(labels))


def _settings(abouts: Sequence[Mapping[str, Any]]) -> list[str]:
    """The method of every run and the settings in which it differs from the others."""
    flat = [_flat(about.get("recipe", {})) for about in abouts]
    keys = dict.fromkeys(key for one in flat for key in one)
    differ = [key for key in keys if len({str(one.get(key)) for one in flat}) > 1]
    return [
        ", ".join(
            str(one[key]) if key == "method" else f"{key.rpartition('.')[2]} {one[key]}"
            for key in differ
            if key in one
        )
        for one in flat
    ]


def _flat(content: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in content.items():
        dotted = above if key == "name" and above else f"{above}.{key}" if above else key
        found |= _flat(value, dotted) if isinstance(value, Mapping) else {dotted: value}
    return found


def _teacher_folders(opened: OpenedRun, result: dict[str, Any], out: Path) -> dict[str, Path]:
    if opened.recipe.experts:  # analyses ask networks, one a modality
        return {}
    named = result.get("teachers", {}).get("folders", {})
    if named:
        return {name: out / place for name, place in named.items()}
    teaching = resolve_teaching(opened.recipe, opened.splits)
    places = {name: teacher_folder(teaching, name, out) for name in teaching.models.encoders}
    return places if all(RunFolder(place).finished for place in places.values()) else {}


def _sweep(split: Split) -> Any:
    return make_loader(split, EVALUATION_BATCH, shuffle=False)


def _load_teacher(folder: Path, modality: str, splits: Splits, trust: Trust) -> UnimodalModel:
    run = RunFolder(folder)
    if not run.finished:
        raise UserError(
            f"there is no finished teacher in {folder}; give --out, the folder that the run was "
            "trained in"
        )
    recipe = without_pretrained(recipe_of(folder, trust))
    model = architecture(recipe, [modality]).teacher(modality, splits.spec.task)
    load_weights(folder / "model.safetensors", model)
    return model.eval()


def _policy(protocol: str) -> str:
    """The split policy of a protocol, without what is hidden."""
    return protocol.partition(", missing")[0]
