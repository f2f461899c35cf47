"""A recipe resolved: everything that it names found, checked and ready to be made."""

from __future__ import annotations

from dataclasses import dataclass

from g2d.data.splits import Splits
from g2d.engine.loggers import check_loggers
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError
from g2d.recipes.build import Architecture, architecture, build_splits, check_model
from g2d.recipes.completing import complete
from g2d.recipes.planning import MethodPlan, plan_method
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import CacheMode, teacher_settings, training_settings


@dataclass(frozen=True)
class Teaching:
    """What decides the teachers.

    Attributes:
        recipe: Complete: with an encoder for every modality.
        splits: The data.
        models: Of the recipe.
        settings: How teachers are trained.
        cache: Whether their outputs are kept.
    """

    recipe: Recipe
    splits: Splits
    models: Architecture
    settings: TrainingSettings
    cache: CacheMode

    def check(self) -> None:
        """Looks at what could stop the teachers, before anything is written.

        Raises:
            UserError: A logger is not there, or a cache is asked for and the data is augmented.
        """
        check_loggers(self.settings.loggers)
        if self.splits.train.augmented and self.cache == "on":
            raise UserError(
                "teachers.cache: the training data is augmented at random, so what teachers say of "
                "it cannot be kept; use auto or off"
            )


@dataclass(frozen=True)
class Experiment:
    """A recipe, resolved once; who trains it reads the recipe no more.

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
        """Of the recipe."""
        return self.teaching.models


def resolve_teaching(recipe: Recipe, splits: Splits | None = None) -> Teaching:
    """What a recipe says of data, encoders and teachers; its method is not looked at.

    Args:
        recipe: As it was read.
        splits: The data, where it is open already.

    Raises:
        UserError: Something in it is not there or not right.
    """
    settings, cache = teacher_settings(recipe)
    splits = splits or build_splits(recipe)
    recipe = complete(recipe, splits.spec)
    models = architecture(recipe, splits.spec.modalities)
    return Teaching(recipe, splits, models, settings, cache)


def resolve(recipe: Recipe, splits: Splits | None = None) -> Experiment:
    """Finds and checks everything that a recipe names, in one pass and before anything is written.

    Every option is checked once, the method is made once with untrained teachers, and the student
    is asked about two samples.

    Args:
        recipe: As it was read.
        splits: The data, where it is open already; `without_test()` leaves test unmeasured.

    Raises:
        UserError: Something in it is not there, not right, or does not fit the rest.
    """
    training = training_settings(recipe)
    teaching = resolve_teaching(recipe, splits)
    spec, models = teaching.splits.spec, teaching.models
    plan = plan_method(teaching.recipe, spec.modalities, training.epochs)
    plan.check_task(spec.task)
    if plan.trains and len(spec.modalities) < 2:
        got = ", ".join(spec.modalities)
        raise UserError(
            f"{spec.name}: got modalities: {got}; expected 2 or more, declare another, or give "
            "--method ume, which trains a modality alone"
        )
    student = models.student(spec.task)
    if plan.trains:
        models.adapt(plan, student, spec.task)
    if plan.needs_teachers:
        teaching.check()
    check_loggers(training.loggers)
    check_model(student, teaching.splits)
    return Experiment(teaching, training, plan)
