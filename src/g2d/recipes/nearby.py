"""Finds the section of a recipe to which a key belongs that was given without it."""

from __future__ import annotations

import inspect
from typing import Any

from g2d.engine.settings import TrainingSettings
from g2d.errors import UnknownKeyError, UserError
from g2d.recipes.components import split_spec
from g2d.recipes.method_options import known_options
from g2d.recipes.planning import method_classes
from g2d.recipes.recipe import Recipe
from g2d.wording import did_you_mean

# What others call a setting.
_OTHERWISE = {"lr": "learning_rate"}


def meant_key(error: UnknownKeyError) -> str:
    """The end of the message on an unknown key: the one that was probably meant, or nothing.

    Keys of the whole recipe go before settings of training, and these before the method's options.

    Example:
        >>> meant_key(UnknownKeyError("epochs", ("seed",), "joint"))
        '; did you mean --training.epochs?'
        >>> meant_key(UnknownKeyError("flavour", ("seed",), "joint"))
        ''
    """
    names = {name: f"--method.{name}" for name in _options(error.method)}
    names |= {name: f"--training.{name}" for name in inspect.signature(TrainingSettings).parameters}
    names |= {name: f"--{name}" for name in error.known}
    return did_you_mean(_OTHERWISE.get(error.key, error.key), names)


def _options(method: Any) -> list[str]:
    if method is None:
        method = Recipe.__dataclass_fields__["method"].default
    try:
        return known_options(method_classes(split_spec(method, "method")[0]))
    except UserError:  # reported where the method is planned
        return []
