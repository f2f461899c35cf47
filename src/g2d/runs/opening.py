"""The trained models and the data of a finished run, made again from what its folder holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from g2d.data.splits import Splits
from g2d.engine.checkpoint import load_weights
from g2d.errors import UserError
from g2d.files import read_json
from g2d.models.blend import blend
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.build import architecture, build_splits, restore_brought, without_pretrained
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe
from g2d.runs.trust import Trust, check_brought, check_recipe, recipe_of
from g2d.tasks import Task, task_from


def load_model(folder: Path, recipe: Recipe, trust: Trust) -> MultimodalModel:
    """The trained model of a run folder, in eval mode.

    Raises:
        UserError: A method brought a fusion that is code outside g2d and not trusted.
    """
    described = read_json(folder / "model.json")
    bare, task = without_pretrained(recipe), task_from(described["task"])
    if described.get("members"):
        model = _blend(folder, bare, described, task, trust)
    else:
        models = architecture(bare, described["modalities"])
        model = models.student(task)
        if "brought" in described:
            check_brought(folder, described["brought"], trust)
            restore_brought(model, described["brought"])
        else:  # runs of earlier versions: the method defines what it brings
            plan = plan_method(bare, model.modalities)
            if plan.trains:
                models.adapt(plan, model, task)
    load_weights(folder / "model.safetensors", model)
    return model.eval()


def _blend(
    folder: Path, recipe: Recipe, described: Mapping[str, Any], task: Task, trust: Trust
) -> MultimodalModel:
    """The members as `model.json` describes them, put together without their weights."""
    models = []
    for member in described["members"]:
        parts = {"encoders": member["encoders"], "fusion": member["fusion"]}
        one = without_pretrained(replace(recipe, **parts))
        check_recipe(folder, one, trust)
        check_brought(folder, member["brought"], trust)
        model = architecture(one, member["modalities"]).student(task)
        restore_brought(model, member["brought"])
        models.append(model)
    return blend(described["modalities"], models, [1.0] * len(models))


def load_teacher(folder: Path, modality: str, task: Task, trust: Trust) -> UnimodalModel:
    """The unimodal teacher of a teacher's folder, in eval mode.

    Raises:
        UserError: There is none, or it names code outside g2d that is not trusted.
    """
    if not (folder / "result.json").exists():
        raise UserError(
            f"there is no finished teacher in {folder}; give --out, the folder that the run was "
            "trained in"
        )
    recipe = without_pretrained(recipe_of(folder, trust))
    model = architecture(recipe, [modality]).teacher(modality, task)
    load_weights(folder / "model.safetensors", model)
    return model.eval()


def open_splits(name: str, recipe: Recipe, about: Mapping[str, Any]) -> Splits:
    """The data that a run was trained on.

    Args:
        name: Of the run, for messages.
        recipe: Of the run, with the place of its data as it is now.
        about: Its `run.json`.

    Raises:
        UserError: The data is not what the run was trained on.
    """
    splits = build_splits(recipe)
    known = about["fingerprint"]
    if splits.spec.fingerprint != known:
        raise UserError(
            f"the data is not what {name} was trained on (fingerprint "
            f"{splits.spec.fingerprint[:12]}, expected {known[:12]})"
        )
    trained, now = (_policy(protocol) for protocol in (about["protocol"], splits.spec.protocol))
    if trained != now:
        raise UserError(
            f"{name} was trained under the split policy {trained!r}, got {now!r}, which may "
            "count training samples as test; leave data.protocol as it was"
        )
    return splits


def _policy(protocol: str) -> str:
    """The split policy of a protocol, without what is hidden."""
    return protocol.partition(", missing")[0]
