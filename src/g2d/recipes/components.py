"""Builds what a recipe names, checking every option against the signature before anything runs."""

from __future__ import annotations

import importlib
import inspect
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace, UnionType
from typing import Any, Literal, TypeVar, Union, cast, get_args, get_origin, get_type_hints

from g2d.engine.hidden import hidden
from g2d.errors import UserError, require
from g2d.recipes.plain_options import check_plain
from g2d.wording import did_you_mean

T = TypeVar("T")


def locate(
    name: str, known: Mapping[str, str], where: str, others: Sequence[str] = ()
) -> Callable[..., Any]:
    """Finds a class by its short name or its dotted path.

    Args:
        name: As the recipe gives it.
        known: Short names and their dotted paths.
        where: Key of the recipe, for the error.
        others: Short names that are no class, for the error.

    Raises:
        UserError: There is no such thing.

    Example:
        >>> locate("collections.OrderedDict", {}, "data").__name__
        'OrderedDict'
        >>> locate("lat", {"late": "g2d.models.fusion.late.LateFusion"}, "fusion")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: fusion: there is no 'lat'; known: late, or a dotted path; did you...
    """
    path = known.get(name, name)
    module, _, attribute = path.rpartition(".")
    if not module or not all(part.isidentifier() for part in path.split(".")):
        short = sorted({*known, *others})
        meant = did_you_mean(name, dict(zip(short, short, strict=True)))
        raise UserError(
            f"{where}: there is no {name!r}; known: {', '.join(short)}, or a dotted path{meant}"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    except ModuleNotFoundError as error:
        if error.name and not module.startswith(error.name):
            raise UserError(
                f"{where}: {path} needs {error.name}, which is not installed"
            ) from error
        raise UserError(
            f"{where}: there is no module {module!r}; if it is your own, name its folder: "
            "PYTHONPATH=FOLDER g2d ..."
        ) from None
    except AttributeError:
        raise UserError(f"{where}: {module} has no {attribute!r}") from None
    return cast("Callable[..., Any]", found)


def check_options(
    target: Callable[..., Any],
    options: Mapping[str, Any],
    where: str,
    given: Iterable[str] = (),
) -> dict[str, Any]:
    """Options of the right names and types for a class, defaults filled in.

    Args:
        target: The class (or function) the options are for.
        options: As the recipe gives them.
        where: Key of the recipe, for the error.
        given: Names of arguments that do not come from the recipe; they are not looked at.

    Raises:
        UserError: An unknown option, a wrong type or choice, or one that is missing.
    """
    require("jsonargparse", "train")
    from argparse import ArgumentError

    signature = inspect.signature(target).parameters
    skip = {name for name in given if name in signature}
    unknown = sorted(set(options) - set(signature) | set(options) & skip)
    if unknown:
        choices = ", ".join(name for name in signature if name not in skip) or "none"
        raise UserError(f"{where}.{unknown[0]}: no such option; known: {choices}")
    hints = _hints(target)
    check_plain(target, options, hints, where)
    plain = {name: _as_meant(value, hints.get(name)) for name, value in options.items()}
    for name, value in plain.items():
        if value is None and name in hints and not _takes_none(hints[name]):
            raise UserError(_expected(f"{where}.{name}", hints[name], value))
    try:
        return _parsed(target, frozenset(skip), plain)
    except ArgumentError as error:
        raise UserError(_one_line(str(error), where, hints, plain)) from None


def _parsed(
    target: Callable[..., Any], skip: frozenset[str], options: Mapping[str, Any]
) -> dict[str, Any]:
    """The same options are parsed once in a process: settings are read for every model of a run."""
    try:
        text = json.dumps(options)
        known = json.loads(text) == options
    except (TypeError, ValueError):  # values that JSON does not know
        known = False
    if not known:
        return _parsed_now(target, skip, options)
    found = _parsed_once(target, skip, text)
    # a copy of each list, since the caller may change it; other defaults are immutable
    own = {key for key, value in found.items() if isinstance(value, list | dict | set)}
    return {k: deepcopy(v) if k in options or k in own else v for k, v in found.items()}


@lru_cache(1024)
def _parsed_once(target: Callable[..., Any], skip: frozenset[str], text: str) -> dict[str, Any]:
    return _parsed_now(target, skip, json.loads(text))


def _parsed_now(
    target: Callable[..., Any], skip: frozenset[str], options: Mapping[str, Any]
) -> dict[str, Any]:
    parser = _parser(target, skip)
    return dict(vars(parser.instantiate(parser.parse_object(dict(options)))))


@lru_cache(256)  # of a grid's cells, all are checked, by the same few classes
def _parser(target: Callable[..., Any], skip: frozenset[str]) -> Any:
    from jsonargparse import ArgumentParser, set_loader

    set_loader("verbatim", lambda word: word)  # a word is no YAML within YAML
    parser = ArgumentParser(exit_on_error=False, parser_mode="verbatim")
    add = parser.add_class_arguments if inspect.isclass(target) else parser.add_function_arguments
    # jsonargparse imports what the module imports for type checkers alone: Fabric, for one
    with hidden("torchmetrics"):
        add(target, skip=cast(Any, set(skip)), fail_untyped=False)
    return parser


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


def takes_list(target: Callable[..., Any], name: str) -> bool:
    """Whether a class has an option that can be a list.

    Example:
        >>> def read(names: list[str] | None, kinds: dict[str, str]) -> None: ...
        >>> takes_list(read, "names"), takes_list(read, "kinds"), takes_list(read, "other")
        (True, False, False)
    """
    hint = _hints(target).get(name)
    offers = get_args(hint) if get_origin(hint) in {Union, UnionType} else (hint,)
    return any((get_origin(one) or one) in {list, tuple, Sequence} for one in offers)


def _one_line(
    message: str, where: str, hints: Mapping[str, Any], options: Mapping[str, Any]
) -> str:
    missing = re.search(r"required: (.+)", message)
    if missing:
        return f"{where}.{missing.group(1)}: this must be given"
    key = re.search(r'Parser key "([^"]+)"', message)
    name = key.group(1).split(".")[0] if key else ""
    if name not in options:
        return f"{where}: {' '.join(message.split())}"
    return _expected(f"{where}.{name}", hints.get(name, "another type"), options[name])


def _expected(where: str, hint: Any, value: Any) -> str:
    got = {None: "null", True: "true", False: "false"}.get(value) if _is_switch(value) else None
    return f"{where}: expected {_in_words(hint)}, got {got or repr(value)}"


def _is_switch(value: Any) -> bool:
    return value is None or isinstance(value, bool)


def _hints(target: Callable[..., Any]) -> dict[str, Any]:
    """Types of the arguments; as they are written where they cannot be resolved."""
    written = {
        name: parameter.annotation
        for name, parameter in inspect.signature(target).parameters.items()
        if parameter.annotation is not inspect.Parameter.empty
    }
    try:
        found = get_type_hints(target.__init__ if inspect.isclass(target) else target)
    except Exception:  # names that exist for the type checker alone
        known = vars(inspect.getmodule(target))
        found = {name: _resolved(hint, known) for name, hint in written.items()}
    return {name: found.get(name, hint) for name, hint in written.items()}


def _resolved(hint: Any, known: dict[str, Any]) -> Any:
    try:
        return get_type_hints(SimpleNamespace(__annotations__={"it": hint}), known)["it"]
    except Exception:
        return hint


def _as_meant(value: Any, hint: Any) -> Any:
    """`precision: 32` is a number in YAML and a choice of `Literal["32", "bf16"]`."""
    if get_origin(hint) is Literal and str(value) in get_args(hint) and not _is_switch(value):
        return value if value in get_args(hint) else str(value)
    return value


def _takes_none(hint: Any) -> bool:
    return isinstance(hint, str) or hint in {Any, None, type(None)} or type(None) in get_args(hint)


_WORDS = {
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a word",
    Path: "a path",
    type(None): "null",
}


def _in_words(hint: Any) -> str:
    """A type, for people.

    Example:
        >>> _in_words(Literal["sgd", "adamw"]), _in_words(tuple[float, ...] | None)
        ('sgd or adamw', 'a list (each a number) or null')
    """
    origin, inner = get_origin(hint), get_args(hint)
    if origin is Literal:
        return " or ".join(map(str, inner))
    if origin in {Union, UnionType}:
        return " or ".join(_in_words(one) for one in inner)
    if inspect.isclass(origin) and issubclass(origin, Mapping):
        return "keys and values"
    if inspect.isclass(origin) and issubclass(origin, Iterable):
        return f"a list (each {_in_words(inner[0])})" if inner else "a list"
    if hint in _WORDS:
        return _WORDS[hint]
    return str(getattr(hint, "__name__", hint))
