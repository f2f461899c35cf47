"""Which names a modality can have."""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from g2d.errors import UserError

# Of the model as a whole, beside the names of modalities.
RESERVED = frozenset(["fused"])


def is_taken(name: str) -> bool:
    """Whether a name means something else already.

    Example:
        >>> is_taken("values"), is_taken("fused"), is_taken("sound")
        (True, True, False)
    """
    return hasattr(nn.ModuleDict(), name) or name in RESERVED


def check_names(names: Iterable[str]) -> None:
    """Makes sure that PyTorch can hold modules, and folders files, under these names.

    Args:
        names: Names of the modalities.

    Raises:
        UserError: One of them is empty, has a dot, is the name of something that every
            `nn.ModuleDict` has already, or stands for the whole model.

    Example:
        >>> check_names(["sound", "gene expression"])
        >>> check_names(["sound", "values"])
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: no modality can be called 'values': PyTorch holds the modules under \
these names, which must not be empty, have a dot or be a word of its own; rename it
    """
    probe = nn.ModuleDict()
    for name in names:
        if name in RESERVED:
            raise UserError(
                f"no modality can be called {name!r}: the metrics of the model as a whole are "
                "kept under that name; rename it"
            )
        if isinstance(name, str) and ("/" in name or "\\" in name):
            raise UserError(
                f"no modality can be called {name!r}: files are named after it, and it holds a "
                "slash; rename it"
            )
        try:
            probe[name] = nn.Identity()
        except (KeyError, TypeError):
            raise UserError(
                f"no modality can be called {name!r}: PyTorch holds the modules under these "
                "names, which must not be empty, have a dot or be a word of its own; rename it"
            ) from None
