"""Which names a modality can have."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from torch import nn

from g2d.errors import UserError

# Of the model as a whole, beside the names of modalities.
RESERVED = frozenset(["fused"])


def free_name(name: str, taken: Collection[str]) -> str:
    """A name like this one, in letters, digits and `_`, that a modality can have and none has.

    Example:
        >>> free_name("gene expression", ["sound"]), free_name("fused", []), free_name("a", ["A"])
        ('gene_expression', 'fused_', 'a_2')
    """
    plain = re.sub(r"\W+", "_", name).strip("_") or "column"
    if hasattr(nn.ModuleDict(), plain) or plain in RESERVED:
        plain = f"{plain}_"
    low = {other.lower() for other in taken}  # some file systems know no capitals
    numbered = (f"{plain}_{number}" for number in range(2, len(low) + 3))
    return plain if plain.lower() not in low else next(n for n in numbered if n.lower() not in low)


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
