"""What a recipe names, found and known to be of the right kind before it is called."""

from __future__ import annotations

import inspect
from typing import Any, TypeGuard

from torch import nn

from g2d.errors import UserError
from g2d.models.fusion import Fusion
from g2d.recipes.catalog import ENCODERS, FUSIONS
from g2d.recipes.components import locate
from g2d.recipes.dataset_catalog import DATASETS


def dataset_class(name: str) -> type[Any]:
    """Finds the class of a dataset.

    Raises:
        UserError: There is no such thing, or it is no class with a `splits` method.

    Example:
        >>> dataset_class("avdigits").__name__
        'AVDigits'
        >>> dataset_class("os.abort")  # doctest: +ELLIPSIS
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: data: 'os.abort' is no dataset; expected a class with a splits()...
    """
    found = locate(name, {name: entry.path for name, entry in DATASETS.items()}, "data")
    if not (_can_be_made(found) and callable(getattr(found, "splits", None))):
        raise UserError(f"data: {name!r} is no dataset; expected a class with a splits() method")
    return found


def encoder_class(name: str, where: str) -> type[nn.Module]:
    """Finds the class of an encoder.

    Args:
        name: As the recipe gives it.
        where: Key of the recipe, for the error.

    Raises:
        UserError: There is no such thing, or it is no subclass of `nn.Module`.
    """
    found = locate(name, ENCODERS, where)
    if not (_can_be_made(found) and issubclass(found, nn.Module)):
        raise UserError(
            f"{where}: {name!r} is no encoder; expected a class, a subclass of torch.nn.Module"
        )
    return found


def fusion_class(name: str) -> type[Fusion]:
    """Finds the class of a fusion.

    Raises:
        UserError: There is no such thing, or it is no subclass of `g2d.Fusion`.
    """
    found = locate(name, FUSIONS, "fusion")
    if not (_can_be_made(found) and issubclass(found, Fusion)):
        raise UserError(f"fusion: {name!r} is no fusion; expected a subclass of g2d.Fusion")
    return found


def _can_be_made(found: object) -> TypeGuard[type[Any]]:
    """Whether it is a class, and not one that others are only derived from."""
    return inspect.isclass(found) and not inspect.isabstract(found)
