"""Options that make no sense, refused in words."""

from __future__ import annotations

import math
from typing import get_args

from g2d.benchmark.imputation.hiding import Targets
from g2d.errors import UserError


def check_counts(least: int, **options: int) -> None:
    """Makes sure that numbers of things are whole and large enough.

    Raises:
        UserError: One is not.

    Example:
        >>> check_counts(1, blocks=5)
        >>> check_counts(1, blocks=0)
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: blocks is 0, expected a whole number of 1 or more
    """
    for name, value in options.items():
        if not isinstance(value, int) or value < least:
            raise UserError(f"{name} is {value}, expected a whole number of {least} or more")


def check_weights(**options: float) -> None:
    """Makes sure that weights and rates are finite and not negative.

    Raises:
        UserError: One is not.
    """
    for name, value in options.items():
        if not (math.isfinite(value) and value >= 0):
            raise UserError(f"{name} is {value}, expected a finite number of 0 or more")


def check_shares(**options: float) -> None:
    """Makes sure that shares lie in [0, 1].

    Raises:
        UserError: One does not.
    """
    for name, value in options.items():
        if not 0 <= value <= 1:
            raise UserError(f"{name} is {value}, expected a share from 0 to 1")


def check_targets(targets: str) -> None:
    """Makes sure that there is such a way to choose what is reconstructed.

    Raises:
        UserError: There is none.
    """
    if targets not in get_args(Targets):
        raise UserError(f"targets is {targets!r}, expected one of {', '.join(get_args(Targets))}")
