"""How a recipe's student and teachers are trained."""

from __future__ import annotations

from typing import Literal, cast

from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError
from g2d.experiment.components import build
from g2d.experiment.recipe import Recipe

CacheMode = Literal["auto", "on", "off"]


def training_settings(recipe: Recipe) -> TrainingSettings:
    """How the student is trained."""
    return build(TrainingSettings, recipe.training, "training")


def teacher_settings(recipe: Recipe) -> tuple[TrainingSettings, CacheMode]:
    """How teachers are trained: as the student, where `teachers` does not say otherwise."""
    own = dict(recipe.teachers)
    cache = own.pop("cache", "auto")
    if cache not in {"auto", "on", "off"}:
        raise UserError(f"teachers.cache: expected auto, on or off, got {cache!r}")
    if "probe_gradients" in own:
        raise UserError("teachers.probe_gradients: a teacher has one modality; set it in training")
    build(TrainingSettings, own, "teachers")
    settings = build(TrainingSettings, {**recipe.training, **own}, "teachers")
    return settings, cast(CacheMode, cache)
