"""How a recipe's student and teachers are trained."""

from __future__ import annotations

import functools
import logging
from collections.abc import Mapping
from typing import Any, Literal, cast

from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError
from g2d.recipes.blueprint import build
from g2d.recipes.recipe import Recipe

CacheMode = Literal["auto", "on", "off"]

# What `loggers` was called while TensorBoard was the only one.
OLD_LOGGERS = "tensorboard"

logger = logging.getLogger(__name__)


def training_settings(recipe: Recipe) -> TrainingSettings:
    """The training settings of the student."""
    return build(TrainingSettings, _renamed(recipe.training, "training"), "training")


def teacher_settings(recipe: Recipe) -> tuple[TrainingSettings, CacheMode]:
    """How teachers are trained: as the student, where `teachers` does not set anything else."""
    own = _renamed(recipe.teachers, "teachers")
    cache = own.pop("cache", "auto")
    if cache not in {"auto", "on", "off"}:
        raise UserError(f"teachers.cache: expected auto, on or off, got {cache!r}")
    if "probe_gradients" in own:
        raise UserError("teachers.probe_gradients: a teacher has one modality; set it in training")
    students = _renamed(recipe.training, "training")
    settings = build(TrainingSettings, {**students, **own}, "teachers")
    return settings, cast(CacheMode, cache)


def _renamed(options: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The options with `loggers` instead of what it was called before."""
    now = dict(options)
    if OLD_LOGGERS in now:
        asked = now.pop(OLD_LOGGERS)
        if not isinstance(asked, bool) or "loggers" in now:
            raise UserError(f"{where}.{OLD_LOGGERS}: use loggers: [tensorboard], got {asked!r}")
        now["loggers"] = ["tensorboard"] if asked else []
        _tell_new_name()
    return now


@functools.cache
def _tell_new_name() -> None:
    """Once in a process; the settings are read many times."""
    logger.warning("tensorboard: true is now loggers: [tensorboard]; the old name still works")
