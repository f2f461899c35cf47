"""The objects that a recipe describes."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

import torch
from torch import nn

from g2d.data.checks import check_splits
from g2d.data.chosen import choose
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.models.encoders import feature_widths
from g2d.models.fusion import Fusion
from g2d.models.multimodal import MultimodalModel
from g2d.models.unimodal import UnimodalModel
from g2d.recipes.blueprint import Blueprint, blueprint, build, made
from g2d.recipes.catalog import ENCODERS
from g2d.recipes.completing import complete
from g2d.recipes.components import split_spec, takes_list
from g2d.recipes.kinds import dataset_class, encoder_class, fusion_class
from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.missing import hide
from g2d.recipes.recipe import Component, Recipe
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
    """Opens the dataset, checks it, and hides what `missing` of the recipe asks for.

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


@dataclass(frozen=True)
class Architecture:
    """The models of a recipe, all options checked.

    Attributes:
        encoders: One a modality, in the declared order.
        fusion: Of the student; a method may bring another (`MethodPlan.make`).
    """

    encoders: Mapping[str, Blueprint[nn.Module]]
    fusion: Blueprint[Fusion]

    def teacher(self, modality: str, task: Task) -> UnimodalModel:
        """Builds an untrained teacher."""
        encoder = self.encoders[modality].make()
        width = feature_widths({modality: encoder})[modality]
        return UnimodalModel(modality, encoder, width=width, outputs=task.outputs)

    def student(self, task: Task) -> MultimodalModel:
        """Builds an untrained multimodal model."""
        encoders = {name: encoder.make() for name, encoder in self.encoders.items()}
        fusion = self.fusion.make(widths=feature_widths(encoders), outputs=task.outputs)
        return MultimodalModel(encoders, fusion)

    def adapt(self, plan: MethodPlan, model: MultimodalModel, task: Task) -> None:
        """Puts into a model what the method needs, by making it once with untrained teachers.

        A class looks at the values of its options when it is made; after teaching is too late.

        Raises:
            UserError: The method is not defined for the fusion, or refuses a value.
        """
        teachers = None
        if plan.needs_teachers:
            with torch.random.fork_rng(devices=[]):
                untrained = {name: self.teacher(name, task) for name in self.encoders}
            teachers = OnlineTeachers(untrained, task)
        given = {"model": model, "task": task, "teachers": teachers}
        ranked = plan.rank_by not in (None, "train_batch")
        given["confidence"] = dict.fromkeys(self.encoders, 0.5) if ranked else None
        made(plan.make, given, "method", plan.options)


def architecture(recipe: Recipe, modalities: Sequence[str]) -> Architecture:
    """The models that a complete recipe describes.

    Raises:
        UserError: An encoder or the fusion is not there, or has an option that is not right.
    """
    encoders = {}
    for modality in modalities:
        where = f"encoders.{modality}"
        name, options = split_spec(recipe.encoders[modality], where)
        encoders[modality] = blueprint(encoder_class(name, where), options, where)
    name, options = split_spec(recipe.fusion, "fusion")
    fusion = blueprint(fusion_class(name), options, "fusion", ("widths", "outputs"))
    return Architecture(encoders, fusion)


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


def build_student(recipe: Recipe, modalities: Sequence[str], task: Task) -> MultimodalModel:
    """Builds an untrained multimodal model, as a complete recipe describes it."""
    return architecture(recipe, modalities).student(task)


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
    """Runs a model on the first two training samples, before anything is written.

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


def describe_model(
    recipe: Recipe,
    splits: Splits,
    model: MultimodalModel,
    members: Sequence[Mapping[str, Any]] = (),
) -> dict[str, Any]:
    """The content of `model.json`: enough to build the model again.

    Args:
        recipe: Complete.
        splits: The data.
        model: As the run keeps it.
        members: Of a blend, what builds each of them again.
    """
    return {
        "modalities": list(splits.spec.modalities),
        "shapes": {name: list(shape) for name, shape in splits.spec.shapes.items()},
        "task": splits.spec.task.describe(),
        "encoders": recipe.encoders,
        "fusion": recipe.fusion,
        "brought": model.brought,
        **({"members": list(members)} if members else {}),
    }
