"""The error a user can mend."""

from __future__ import annotations

import importlib
from types import ModuleType


class UserError(ValueError):
    """Something in the user's data, recipe or command is not as it must be.

    The message is one line: what was got, what was expected, how to mend it. The command line
    prints it as it is and ends with status 2.
    """

    status = 2


class PartlyDoneError(UserError):
    """Most of a job was done, and some of it failed; the command line ends with status 1."""

    status = 1


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
        >>> require("no_such_module", "train")
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: no_such_module is not installed; run: pip install "g2d[train]"
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module}.".startswith(f"{error.name}."):
            raise
        raise UserError(f'{error.name} is not installed; run: pip install "g2d[{extra}]"') from None


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses an option that is none of the choices.

    Raises:
        UserError: It is not.
    """
    if value not in choices:
        raise UserError(f"{name}: expected {' or '.join(choices)}, got {value!r}")
