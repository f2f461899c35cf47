"""Training samples as evaluation would see them."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from g2d.data.splits import Split
from g2d.errors import UserError


@runtime_checkable
class HasPlain(Protocol):
    """An augmented split that can leave the augmentation off."""

    def plain(self) -> Split:
        """The same samples, read as in evaluation."""


def without_augmentation(split: Split) -> Split:
    """The same samples in the same order, nothing drawn at random; the split itself if none is.

    Raises:
        UserError: The split is augmented and has no `plain()`.

    Example:
        >>> import numpy as np
        >>> from g2d.data.arrays import ArraySplit
        >>> split = ArraySplit({"sound": np.zeros((5, 3), np.float32)}, np.arange(5))
        >>> without_augmentation(split) is split
        True
    """
    if not split.augmented:
        return split
    if not isinstance(split, HasPlain):
        raise UserError(
            f"the split ({type(split).__name__}) is augmented at random and has no plain(), which "
            "gives the same samples without augmentation; add it to your dataset"
        )
    return split.plain()
