"""The error a user can correct."""

from __future__ import annotations

import importlib
import json
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any


class UserError(ValueError):
    """Something in the user's data, recipe or command is not as it must be.

    The message is one line: what was got, what was expected, what to do. The command line
    prints it as it is and ends with status 2.

    Example:
        >>> import g2d
        >>> g2d.Schedule((5, 5), patience=0)
        Traceback (most recent call last):
        g2d.errors.UserError: patience must be 1 epoch or more, got 0
    """

    status = 2


class PartlyDoneError(UserError):
    """Most of a job was done, and some of it failed; the command line ends with status 1."""

    status = 1


class DivergedError(UserError):
    """The loss of a training is no number any more."""


class UnknownKeyError(UserError):
    """A recipe has a key on its top level that there is not.

    Args:
        key: The key.
        known: Those that there are.
        method: Of the recipe, as it names it; `None` where it does not.
    """

    def __init__(self, key: str, known: tuple[str, ...], method: Any) -> None:
        super().__init__(f"{key}: no such key in a recipe; known: {', '.join(known)}")
        self.key, self.known, self.method = key, known, method


class LackingNameError(UserError, AttributeError):
    """A public name of g2d that an extra brings; `hasattr` returns `False` for it."""


def install_command(extra: str) -> str:
    """The command that adds an extra to g2d, from where this g2d was installed.

    g2d is on no package index, so the command names the checkout, archive or repository that pip
    noted when it installed g2d (`direct_url.json`, PEP 610).

    Example:
        >>> install_command("train")  # doctest: +ELLIPSIS
        'pip install ..."...[train]..."'
    """
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        noted = distribution("g2d").read_text("direct_url.json")
    except PackageNotFoundError:
        noted = None
    return _command(extra, json.loads(noted) if noted else {}, Path(__file__).parents[2])


def _command(extra: str, noted: dict[str, Any], beside: Path) -> str:
    """The command, by what pip has noted; without a note, by the checkout that holds this file."""
    from urllib.parse import urlsplit
    from urllib.request import url2pathname

    url = str(noted.get("url", ""))
    if "vcs_info" in noted:
        vcs, commit = noted["vcs_info"]["vcs"], noted["vcs_info"]["commit_id"]
        return f'pip install "g2d[{extra}] @ {vcs}+{url}@{commit}"'
    if "archive_info" in noted:
        return f'pip install "g2d[{extra}] @ {url}"'
    folder = Path(url2pathname(urlsplit(url).path)) if url else beside
    editable = "-e " if not url or noted.get("dir_info", {}).get("editable") else ""
    if not (folder / "pyproject.toml").is_file():
        return f'pip install ".[{extra}]" in a checkout of g2d'
    return f'pip install {editable}"{folder}[{extra}]"'


def require(module: str, extra: str) -> ModuleType:
    """Imports a package that only an extra of g2d installs.

    Args:
        module: The module to import.
        extra: The extra that brings it.

    Raises:
        UserError: It is not installed; the message is the command that installs it.

    Example:
        >>> require("json", "train").__name__
        'json'
        >>> require("no_such_module", "train")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: no_such_module is not installed; run: pip install ...[train]...
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UserError(f"{error.name} is not installed; run: {install_command(extra)}") from None


def check_mapping(name: str, value: object, such_as: str) -> None:
    """Refuses an argument that is no mapping from modalities to their parts, such as a list.

    Raises:
        UserError: It is no mapping.

    Example:
        >>> check_mapping("widths", [1, 2], "'sound': 32")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: widths: got a list, expected a mapping such as {'sound': 32}
    """
    if not isinstance(value, Mapping):
        raise UserError(
            f"{name}: got a {type(value).__name__}, expected a mapping such as {{{such_as}}}"
        )


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses an option that is none of the choices.

    Raises:
        UserError: It is not.
    """
    if value not in choices:
        raise UserError(f"{name}: expected {' or '.join(choices)}, got {value!r}")
