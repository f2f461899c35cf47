"""The trained model of a run folder, built again from what the folder says."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from g2d.engine.checkpoint import load_weights
from g2d.engine.records import RunFolder
from g2d.errors import UserError
from g2d.models.multimodal import MultimodalModel
from g2d.recipes.build import architecture, restore_brought
from g2d.recipes.catalog import ENCODERS
from g2d.recipes.components import split_spec
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Component, Recipe
from g2d.runs.trust import Trust, check_brought, recipe_of
from g2d.tasks import task_from


def load_run(path: Path, trust: Trust = False) -> tuple[MultimodalModel, Recipe]:
    """The trained model of a run folder and the recipe it was made from.

    Args:
        path: A finished run.
        trust: Whether code outside g2d that it names may be run; see `recipe_of`.

    Raises:
        UserError: This is no finished run, or it names code outside g2d that is not trusted.
    """
    run = RunFolder(path)
    if not run.finished or not (path / "model.json").exists():
        raise UserError(f"{path} is not a finished run folder of a multimodal model")
    recipe = recipe_of(path, trust)
    about = run.read_json("model.json")
    bare, task = without_pretrained(recipe), task_from(about["task"])
    models = architecture(bare, about["modalities"])
    model = models.student(task)
    if "brought" in about:
        check_brought(path, about["brought"], trust)
        restore_brought(model, about["brought"])
    else:  # runs of before: the method tells what it brings
        plan = plan_method(bare, model.modalities)
        if plan.trains:
            models.adapt(plan, model, task)
    load_weights(path / "model.safetensors", model)
    return model.eval(), recipe


def without_pretrained(recipe: Recipe) -> Recipe:
    """Encoders that begin anew: where the run's own weights follow, no other file is needed.

    What builds a published model without its files stands in a complete recipe (`config`).
    """
    encoders: dict[str, Component] = {}
    for modality, spec in recipe.encoders.items():
        name, options = split_spec(spec, f"encoders.{modality}")
        if ENCODERS.get(name, name).startswith("g2d."):
            options.pop("weights", None)
            if "config" in options:
                options.pop("model", None)
        encoders[modality] = {"name": name, **options}
    return replace(recipe, encoders=encoders)
