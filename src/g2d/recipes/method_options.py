"""The options of a method: presets, those of its teachers, and which class takes which."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from g2d.errors import UserError
from g2d.methods.base import Method
from g2d.recipes.components import check_options
from g2d.recipes.method_plan import Init

# The options of the teachers that a recipe may set for any method, with their defaults.
OF_TEACHERS: Mapping[str, Any] = {"calibrate": False, "init": "random"}
# Parameters of a method that are not options: what a run gives it.
_GIVEN = ("student", "task", "teachers", "method", "schedule", "confidence")


def take_of_teachers(options: dict[str, Any]) -> dict[str, Any]:
    """Takes the options of the teachers out of those of the method: `calibrate` and `init`.

    Raises:
        UserError: One of them has a value that is not allowed.
    """
    calibrate, init = (options.pop(name, usual) for name, usual in OF_TEACHERS.items())
    if not isinstance(calibrate, bool):
        raise UserError(f"method.calibrate: expected true or false, got {calibrate!r}")
    if init not in get_args(Init):
        raise UserError(f"method.init: expected random, teachers or ensemble, got {init!r}")
    return {"calibrate": calibrate, "init": init}


def with_preset(targets: Sequence[type[Method]], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options with those of a preset before them; what is given outweighs the preset.

    Args:
        targets: The method's class, and the wrapper's; either may have the preset.
        options: As the recipe has them.

    Raises:
        UserError: No class has such a preset.
    """
    if "preset" not in options:
        return dict(options)
    if not isinstance(options["preset"], str):
        raise UserError(f"method.preset: expected a word, got {options['preset']!r}")
    rest = {key: value for key, value in options.items() if key != "preset"}
    merged: dict[str, Any] = {}
    found = False
    for target in targets:
        presets = target.presets
        if options["preset"] in presets:
            found = True
            merged |= presets[options["preset"]]
    if not found:
        known = sorted({name for target in targets for name in target.presets})
        raise UserError(
            f"method.preset: there is no {options['preset']!r}; known: {', '.join(known) or 'none'}"
        )
    return {**merged, **rest}


def share_options(
    targets: Sequence[type[Method]], options: Mapping[str, Any]
) -> list[tuple[type[Method], dict[str, Any]]]:
    """Each option goes to the part that has it, checked and with defaults filled in.

    Args:
        targets: The method's class, and the wrapper's.
        options: What is left once those of the run and of the teachers are taken out.

    Raises:
        UserError: An option is unknown, or of the wrong type.
    """
    rest = dict(options)
    parts = []
    for target in targets:
        own = inspect.signature(target).parameters
        mine = {name: rest.pop(name) for name in list(rest) if name in own and name not in _GIVEN}
        parts.append((target, check_options(target, mine, "method", _GIVEN)))
    if rest:
        known = ", ".join(known_options(targets)) or "none"
        raise UserError(f"method.{next(iter(rest))}: no such option; known: {known}")
    return parts


def known_options(targets: Sequence[type[Method]]) -> list[str]:
    """Names of all options that a recipe may give a method.

    Args:
        targets: The method's class, and the wrapper's.

    Example:
        >>> from g2d.methods.mslr import MSLR
        >>> known_options([MSLR])
        ['bounds', 'history', 'preset', 'rates', 'strategy', 'target']
    """
    names = {name for target in targets for name in inspect.signature(target).parameters}
    extra = {"rank_by"} if any(target.ranks for target in targets) else set()
    extra |= {"schedule"} if any(target.staged for target in targets) else set()
    extra |= set(OF_TEACHERS) if any(target.needs_teachers for target in targets) else set()
    extra |= {"preset"} if any(target.presets for target in targets) else set()
    return sorted((names - set(_GIVEN)) | extra)
