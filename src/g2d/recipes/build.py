"""The objects that a recipe describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn

from g2d.data.checks import check_splits
from g2d.data.chosen import choose
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.models.encoders import feature_widths
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.completing import complete
from g2d.recipes.components import build, made, split_spec, takes_list
from g2d.recipes.kinds import dataset_class, encoder_class, fusion_class
from g2d.recipes.missing import hide
from g2d.recipes.planning import MethodPlan
from g2d.recipes.recipe import Recipe
from g2d.tasks import Task
from g2d.teachers.bank import OnlineTeachers


def dataset_of(recipe: Recipe) -> tuple[Callable[..., Any], dict[str, Any], Sequence[str] | None]:
    """The class of the dataset, its options, and which of its modalities are chosen of it.

    A dataset that takes a list of modalities sees to that itself, and so nothing is chosen.

    Raises:
        UserError: There is no such dataset.
    """
    name, options = split_spec(recipe.data, "data")
    target = dataset_class(name)
    names = options.get("modalities")
    if not isinstance(names, list | tuple) or takes_list(target, "modalities"):
        return target, options, None
    return target, {key: options[key] for key in options if key != "modalities"}, names


def build_splits(recipe: Recipe) -> Splits:
    """Opens the dataset, checks it, and hides what the recipe says is missing.

    Raises:
        UserError: It is not there, or there is something in it that no model can be trained on.
    """
    target, options, names = dataset_of(recipe)
    splits = cast(Splits, build(target, options, "data").splits())
    if names is not None:
        splits = choose(splits, names)
    check_splits(splits)
    complete(recipe, splits.spec)  # refuses encoders that do not fit
    return hide(recipe, splits)


def build_encoder(recipe: Recipe, modality: str) -> nn.Module:
    """A new encoder for a modality."""
    name, options = split_spec(recipe.encoders[modality], f"encoders.{modality}")
    where = f"encoders.{modality}"
    return build(encoder_class(name, where), options, where)


def build_teacher(recipe: Recipe, modality: str, task: Task) -> UnimodalModel:
    """A new, untrained teacher."""
    encoder = build_encoder(recipe, modality)
    width = feature_widths({modality: encoder})[modality]
    return UnimodalModel(modality, encoder, width=width, outputs=task.outputs)


def build_student(recipe: Recipe, modalities: tuple[str, ...], task: Task) -> MultimodalModel:
    """A new, untrained multimodal model, as the recipe describes it.

    A method may put heads or a fusion of its own into it (`MethodPlan.make`).
    """
    encoders = {name: build_encoder(recipe, name) for name in modalities}
    given = {"widths": feature_widths(encoders), "outputs": task.outputs}
    name, options = split_spec(recipe.fusion, "fusion")
    fusion = build(fusion_class(name), options, "fusion", given)
    return MultimodalModel(encoders, fusion)


def check_method(recipe: Recipe, plan: MethodPlan, splits: Splits) -> MultimodalModel:
    """Makes the method once, with untrained teachers where it wants any.

    A class looks at the values of its options when it is made, and after teaching is too late.

    Returns:
        The model that it would train.

    Raises:
        UserError: The method is not defined for the task or the fusion, or refuses a value.
    """
    task, names = splits.spec.task, splits.spec.modalities
    plan.check_task(task)
    model = build_student(recipe, names, task)
    if plan.trains:
        adapt(recipe, plan, model, task)
    return model


def adapt(recipe: Recipe, plan: MethodPlan, model: MultimodalModel, task: Task) -> None:
    """Puts into a model what the method needs, by making it once with untrained teachers.

    Raises:
        UserError: The method is not defined for the fusion, or refuses a value.
    """
    names = model.modalities
    teachers = None
    if plan.needs_teachers:
        with torch.random.fork_rng(devices=[]):
            untrained = {name: build_teacher(recipe, name, task) for name in names}
        teachers = OnlineTeachers(untrained, task)
    given = {"model": model, "task": task, "teachers": teachers}
    given["confidence"] = dict.fromkeys(names, 0.5)
    made(plan.make, given, "method", plan.options)


def restore_brought(model: MultimodalModel, brought: Sequence[Mapping[str, Any]]) -> None:
    """Puts the fusions into a model that a method had put into it before it was saved.

    Args:
        model: As its recipe describes it.
        brought: As `MultimodalModel.brought` had them.

    Raises:
        UserError: One of them is no fusion.
    """
    for spec in brought:
        options = dict(spec)
        model.bring(fusion_class(str(options.pop("name"))), **options)


def check_model(model: nn.Module, splits: Splits) -> None:
    """Asks a model about the first two training samples, before anything is written.

    Raises:
        UserError: It cannot take them.
    """
    batch = splits.train.__getitems__(list(range(min(2, len(splits.train)))))
    was_training = model.training
    try:
        with torch.no_grad():
            model.eval()(batch)
    except UserError:
        raise
    except Exception as error:
        shapes = ", ".join(f"{name} {list(shape)}" for name, shape in splits.spec.shapes.items())
        raise UserError(
            f"encoders: the model cannot take a sample of the data ({shapes}): "
            f"{' '.join(str(error).split())}; choose encoders for these shapes"
        ) from error
    model.train(was_training)


def describe_model(recipe: Recipe, splits: Splits, model: MultimodalModel) -> dict[str, Any]:
    """What `model.json` holds: enough to build the model again."""
    return {
        "modalities": list(splits.spec.modalities),
        "shapes": {name: list(shape) for name, shape in splits.spec.shapes.items()},
        "task": splits.spec.task.describe(),
        "encoders": recipe.encoders,
        "fusion": recipe.fusion,
        "brought": model.brought,
    }
