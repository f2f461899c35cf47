"""A class with its options checked, and the objects that are made of it."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from g2d.errors import UserError
from g2d.recipes.components import check_options

T = TypeVar("T")


@dataclass(frozen=True)
class Blueprint(Generic[T]):
    """A class whose options are checked, of which objects can be made as often as needed.

    Attributes:
        target: The class, or what makes the object.
        options: As the recipe gives them.
        checked: The same, of the right types, defaults filled in.
        where: Key of the recipe, for errors.
    """

    target: Callable[..., T]
    options: Mapping[str, Any]
    checked: Mapping[str, Any]
    where: str

    def make(self, **given: Any) -> T:
        """A new object; of the arguments given, it gets those that it takes.

        Raises:
            UserError: It cannot be made of these values.
        """
        accepted = inspect.signature(self.target).parameters
        passed = {name: value for name, value in given.items() if name in accepted}
        return made(self.target, {**passed, **self.checked}, self.where, self.options)


def blueprint(
    target: Callable[..., T], options: Mapping[str, Any], where: str, given: Sequence[str] = ()
) -> Blueprint[T]:
    """Checks the options of a class, once for all objects that are made of it.

    Args:
        target: The class.
        options: As the recipe gives them.
        where: Key of the recipe, for errors.
        given: Names of the arguments that do not come from the recipe.

    Raises:
        UserError: An unknown option, a wrong type or choice, or one that is missing.

    Example:
        >>> from g2d.models.encoders import MLP
        >>> plan = blueprint(MLP, {"inputs": 4}, "encoders.left")
        >>> plan.make() is plan.make()
        False
    """
    return Blueprint(target, options, check_options(target, options, where, given), where)


def build(target: Callable[..., T], options: Mapping[str, Any], where: str, **given: Any) -> T:
    """Checks the options and makes the object.

    Example:
        >>> from g2d.engine.settings import TrainingSettings
        >>> build(TrainingSettings, {"epochs": 3}, "training").epochs
        3
        >>> build(TrainingSettings, {"epochs": "three"}, "training")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: training.epochs: expected a whole number, got 'three'
    """
    return blueprint(target, options, where, tuple(given)).make(**given)


def made(
    target: Callable[..., T],
    arguments: Mapping[str, Any],
    where: str,
    options: Mapping[str, Any],
) -> T:
    """Makes an object whose class may refuse a value in any way it likes.

    Args:
        target: The class, or what makes the object.
        arguments: All that it is called with.
        where: Key of the recipe, for the error.
        options: Those of the arguments that the recipe gives, for the error.

    Raises:
        UserError: It cannot be made of these values.

    Example:
        >>> made(dict, {"width": 3}, "fusion", {})
        {'width': 3}
    """
    try:
        return target(**arguments)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None
    except Exception as error:  # of PyTorch, or of a class of the user's own
        given = ", ".join(f"{name}={_short(value)}" for name, value in options.items())
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise UserError(
            f"{where}: this cannot be made with {given or 'its defaults'} ({reason}); choose other "
            "values"
        ) from error


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:37]}..."
