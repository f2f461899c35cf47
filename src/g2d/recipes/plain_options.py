"""Options of a recipe are plain values: none of them names code that would be imported and run."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin

from g2d.errors import UserError
from g2d.recipes.recipe import SEEDS

# Where the types of plain values and of what holds them are defined.
_PLAIN = {"builtins", "collections", "collections.abc", "pathlib", "typing"}

# From here on a whole number is none of the machine's.
_BEYOND = 2**63


def check_plain(
    target: Callable[..., Any], options: Mapping[str, Any], hints: Mapping[str, Any], where: str
) -> None:
    """Refuses options that jsonargparse would take for the name of a class to make.

    Wherever a hint is `Any` or a class, it imports and calls what a value names as `class_path`,
    and a class of g2d which is made of other objects must not take their names from a recipe.

    Args:
        target: What the options are for.
        options: As the recipe gives them.
        hints: Types of the target's arguments.
        where: Key of the recipe, for the error.

    Raises:
        UserError: An option names a class, or is a whole number beyond 64 bits.

    Example:
        >>> check_plain(dict, {"a": {"class_path": "os.abort"}}, {}, "x")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: x.a: class_path names code to run, 'os.abort'; expected plain values
    """
    ours = str(getattr(target, "__module__", "")).partition(".")[0] == "g2d"
    for name, value in options.items():
        bound = SEEDS if name == "seed" else _BEYOND
        if isinstance(value, int) and not -bound < value < bound:
            raise UserError(f"{where}.{name}: expected a whole number below {bound}, got {value}")
        for named in _class_paths(value):
            raise UserError(
                f"{where}.{name}: class_path names code to run, {named!r}; expected plain values"
            )
        hint = hints.get(name)
        choices = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
        is_text = isinstance(value, str) and str in choices
        if ours and value is not None and not is_text and any(map(_is_code, _leaves(hint))):
            raise UserError(f"{where}.{name}: this cannot be given in a recipe, got {value!r}")


def _class_paths(value: Any) -> Iterator[Any]:
    if isinstance(value, Mapping):
        if "class_path" in value:
            yield value["class_path"]
        for inner in value.values():
            yield from _class_paths(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _class_paths(inner)


def _leaves(hint: Any) -> Iterator[Any]:
    """The types that a hint is made of."""
    if get_origin(hint) is Literal or not get_args(hint):
        yield hint
    elif get_origin(hint) is Callable:
        yield Callable
    else:
        for inner in get_args(hint):
            yield from _leaves(inner)


def _is_code(leaf: Any) -> bool:
    if leaf is Callable or leaf is type:
        return True
    return inspect.isclass(leaf) and leaf.__module__ not in _PLAIN
