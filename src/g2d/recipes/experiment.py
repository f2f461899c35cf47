"""A recipe resolved: everything that it names found, checked and ready to be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from g2d.data.chosen import some_modalities
from g2d.data.splits import DatasetSpec, Splits
from g2d.engine.loggers import check_loggers
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError
from g2d.recipes.blending import BLEND, member_recipe, members_of
from g2d.recipes.build import Architecture, architecture, build_splits, check_model
from g2d.recipes.completing import complete
from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import CacheMode, teacher_settings, training_settings
from g2d.recipes.shallow import shallow_recipe
from g2d.shallow.experts import check_expert


@dataclass(frozen=True)
class Teaching:
    """All settings that decide the teachers.

    Attributes:
        recipe: Complete: with an encoder for every modality.
        splits: The data.
        models: Of the recipe.
        settings: How teachers are trained.
        cache: Whether their outputs are kept.
        experts: By modality, what teaches in the place of a network: a word, or an estimator of
            scikit-learn.
    """

    recipe: Recipe
    splits: Splits
    models: Architecture
    settings: TrainingSettings
    cache: CacheMode
    experts: Mapping[str, Any] = field(default_factory=dict)

    @property
    def networks(self) -> tuple[str, ...]:
        """The modalities whose teacher is a network."""
        return tuple(name for name in self.splits.spec.modalities if name not in self.experts)

    def check(self) -> None:
        """Checks what could stop the teachers, before anything is written.

        Raises:
            UserError: A logger is not there, or a cache is asked for and the data is augmented.
        """
        check_loggers(self.settings.loggers)
        if self.splits.train.augmented and self.cache == "on":
            raise UserError(
                "teachers.cache: the training data is augmented at random, so the "
                "teachers' outputs cannot be kept; use auto or off"
            )


@dataclass(frozen=True)
class Experiment:
    """A recipe, resolved once; training does not read the recipe again.

    Attributes:
        teaching: What decides the teachers.
        training: How the student is trained.
        plan: The method, waiting for its teachers.
    """

    teaching: Teaching
    training: TrainingSettings
    plan: MethodPlan

    @property
    def recipe(self) -> Recipe:
        """Complete: with an encoder for every modality."""
        return self.teaching.recipe

    @property
    def splits(self) -> Splits:
        """The data."""
        return self.teaching.splits

    @property
    def models(self) -> Architecture:
        """The models of the recipe."""
        return self.teaching.models


def resolve_teaching(
    recipe: Recipe, splits: Splits | None = None, experts: Mapping[str, Any] | None = None
) -> Teaching:
    """The data, encoders and teachers of a recipe; its method is not read.

    Args:
        recipe: As it was read.
        splits: The data, where it is open already.
        experts: Estimators in the place of the words of the recipe.

    Raises:
        UserError: Something in it is not there or not right.
    """
    settings, cache = teacher_settings(recipe)
    splits = splits or build_splits(recipe)
    recipe = complete(recipe, splits.spec)
    models = architecture(recipe, splits.spec.modalities)
    experts = check_experts(recipe.experts if experts is None else experts, splits.spec)
    return Teaching(recipe, splits, models, settings, cache, experts)


def resolve(
    recipe: Recipe, splits: Splits | None = None, experts: Mapping[str, Any] | None = None
) -> Experiment:
    """Finds and checks everything that a recipe names, in one pass and before anything is written.

    Every option is checked once, the method is made once with untrained teachers, and the student
    reads two samples.

    Args:
        recipe: As it was read.
        splits: The data, where it is open already; `without_test()` leaves test unmeasured.
        experts: Estimators in the place of the words of the recipe.

    Raises:
        UserError: Something in it is not there, not right, or does not fit the rest.
    """
    training = training_settings(recipe)
    splits = splits or build_splits(recipe)
    recipe = shallow_recipe(recipe, splits.spec)
    teaching = resolve_teaching(recipe, splits, experts)
    spec, models = teaching.splits.spec, teaching.models
    plan = plan_method(teaching.recipe, spec.modalities, training.epochs)
    plan.check_task(spec.task)
    if training.compile:
        plan.check_compiled()
    if plan.label == BLEND:
        if experts is not None:
            raise UserError("experts: those of a blend are words in its recipe, not estimators")
        _check_members(teaching, plan)
        return Experiment(teaching, training, plan)
    student = models.student(spec.task)
    if teaching.experts and not plan.trains:
        raise UserError(
            f"experts: {plan.label} is the networks' ensemble, and experts are no networks; leave "
            "them out (--experts {}), or choose a method that trains"
        )
    if plan.trains:
        models.adapt(plan, student, spec.task)
    if plan.needs_teachers:
        teaching.check()
    check_loggers(training.loggers)
    check_model(student, teaching.splits)
    return Experiment(teaching, training, plan)


def _check_members(teaching: Teaching, plan: MethodPlan) -> None:
    """Resolves every member of a blend, as it will be trained.

    Raises:
        UserError: One cannot be trained, or attends over tokens.
    """
    splits = teaching.splits.without_test()
    for number, member in enumerate(members_of({"name": BLEND, **plan.options})):
        try:
            one = resolve(
                member_recipe(teaching.recipe, member.method, member.modalities),
                some_modalities(splits, member.modalities),
            )
        except UserError as error:
            raise UserError(f"method.members[{number}]: {error}") from error
        if one.plan.trains and one.models.student(splits.spec.task).fusion.needs_tokens:
            raise UserError(f"fusion: {BLEND} adds models that fuse features, not tokens; use late")


def check_experts(experts: Mapping[str, Any], spec: DatasetSpec) -> dict[str, Any]:
    """The experts in the order of the modalities.

    Raises:
        UserError: One is for no modality of the data, is no expert, or the data cannot have any.
    """
    for name, expert in experts.items():
        if name not in spec.modalities:
            raise UserError(
                f"experts.{name}: the data has no such modality; it has "
                f"{', '.join(spec.modalities)}"
            )
        if spec.short_vectors is None:
            raise UserError(
                f"experts.{name}: experts teach from tables of your own, and {spec.name} is none; "
                "leave experts out"
            )
        check_expert(expert, f"experts.{name}")
    return {name: experts[name] for name in spec.modalities if name in experts}
