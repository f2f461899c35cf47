"""Builds what a recipe names, checking every option against the signature before anything runs."""

from __future__ import annotations

import importlib
import inspect
import re
from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

from g2d.errors import UserError, require

T = TypeVar("T")


def locate(name: str, known: Mapping[str, str], where: str) -> Callable[..., Any]:
    """Finds a class by its short name or its dotted path.

    Args:
        name: As the recipe gives it.
        known: Short names and their dotted paths.
        where: Key of the recipe, for the error.

    Raises:
        UserError: There is no such thing.

    Example:
        >>> locate("collections.OrderedDict", {}, "data").__name__
        'OrderedDict'
        >>> locate("lat", {"late": "g2d.models.fusion.late.LateFusion"}, "fusion")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: fusion: there is no 'lat'; known: late, or a dotted path
    """
    path = known.get(name, name)
    module, _, attribute = path.rpartition(".")
    if not module:
        choices = ", ".join(sorted(known))
        raise UserError(f"{where}: there is no {name!r}; known: {choices}, or a dotted path")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            raise UserError(
                f"{where}: {path} needs {error.name}, which is not installed"
            ) from error
        raise UserError(f"{where}: there is no module {module!r}; is it on PYTHONPATH?") from None
    except AttributeError:
        raise UserError(f"{where}: {module} has no {attribute!r}") from None
    return cast("Callable[..., Any]", found)


def check_options(
    target: Callable[..., Any],
    options: Mapping[str, Any],
    where: str,
    given: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Options of the right names and types for a class, defaults filled in.

    Args:
        target: The class (or function) the options are for.
        options: As the recipe gives them.
        where: Key of the recipe, for the error.
        given: Arguments that do not come from the recipe; they are not looked at.

    Raises:
        UserError: An unknown option, a wrong type or choice, or one that is missing.
    """
    require("jsonargparse", "train")
    from argparse import ArgumentError

    from jsonargparse import ArgumentParser

    parser = ArgumentParser(exit_on_error=False)
    signature = inspect.signature(target).parameters
    skip = {name for name in (given or {}) if name in signature}
    if inspect.isclass(target):
        parser.add_class_arguments(target, skip=cast(Any, skip), fail_untyped=False)
    else:
        parser.add_function_arguments(target, skip=cast(Any, skip), fail_untyped=False)
    unknown = sorted(set(options) - set(signature) | set(options) & skip)
    if unknown:
        choices = ", ".join(name for name in signature if name not in skip) or "none"
        raise UserError(f"{where}.{unknown[0]}: no such option; known: {choices}")
    try:
        parsed = parser.parse_object(dict(options))
    except ArgumentError as error:
        raise UserError(_one_line(str(error), where, target, options)) from None
    return dict(vars(parser.instantiate_classes(parsed)))


def build(
    target: Callable[..., T],
    options: Mapping[str, Any],
    where: str,
    given: Mapping[str, Any] | None = None,
) -> T:
    """Checks the options and makes the object.

    Example:
        >>> from g2d.engine.settings import TrainingSettings
        >>> build(TrainingSettings, {"epochs": 3}, "training").epochs
        3
        >>> build(TrainingSettings, {"epochs": "three"}, "training")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: training.epochs: expected int, got 'three'
    """
    accepted = inspect.signature(target).parameters
    passed = {name: value for name, value in (given or {}).items() if name in accepted}
    checked = check_options(target, options, where, given)
    try:
        return target(**passed, **checked)
    except UserError as error:
        raise UserError(f"{where}: {error}") from None


def split_spec(spec: Any, where: str) -> tuple[str, dict[str, Any]]:
    """The name and the options of a component: `late`, or `{name: late, ...}`.

    Example:
        >>> split_spec({"name": "g2d", "alpha": 2.0}, "method")
        ('g2d', {'alpha': 2.0})
    """
    if isinstance(spec, str):
        return spec, {}
    if isinstance(spec, Mapping) and isinstance(spec.get("name"), str):
        return spec["name"], {key: value for key, value in spec.items() if key != "name"}
    raise UserError(f"{where}: expected a name, or a mapping with a name, got {spec!r}")


def _one_line(
    message: str, where: str, target: Callable[..., Any], options: Mapping[str, Any]
) -> str:
    missing = re.search(r"required: (.+)", message)
    if missing:
        return f"{where}.{missing.group(1)}: this must be given"
    key = re.search(r'Parser key "([^"]+)"', message)
    if not key:
        return f"{where}: {' '.join(message.split())}"
    name = key.group(1)
    parameter = inspect.signature(target).parameters.get(name.split(".")[0])
    expected = parameter.annotation if parameter else "another type"
    if not isinstance(expected, str):
        expected = getattr(expected, "__name__", str(expected))
    return f"{where}.{name}: expected {expected}, got {options.get(name)!r}"
