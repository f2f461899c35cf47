"""Sums over the batches of an epoch, kept on the device and read once."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping, Sequence
from typing import Generic, TypeVar

import torch
from torch import Tensor

from g2d.ranks import sum_over_ranks

Key = TypeVar("Key", bound=Hashable)


class Tally(Generic[Key]):
    """Means of quantities, each over as many batches or samples as have it.

    Args:
        keys: All quantities that there can be.

    Example:
        >>> tally = Tally(["loss", "norm"])
        >>> tally.add({"loss": torch.tensor([6.0, 2.0])})  # a sum, and of how many
        >>> tally.add({"loss": torch.tensor([3.0, 1.0])})
        >>> tally.read()
        {'loss': 3.0}
    """

    def __init__(self, keys: Sequence[Key]) -> None:
        self._keys = list(keys)
        self._sums = torch.zeros(len(self._keys), 2)
        self.batches = 0

    def add(self, pairs: Mapping[Key, Tensor]) -> None:
        """Adds, for some quantities, a sum and of how many it is, `(2,)`."""
        zero = next(iter(pairs.values())).new_zeros(2)
        row = torch.stack([pairs.get(key, zero) for key in self._keys])
        self._sums = row if self.batches == 0 else self._sums + row
        self.batches += 1

    def read(self) -> dict[Key, float]:
        """The means over all processes, of what there was and is finite; then begins anew."""
        sums = sum_over_ranks(self._sums).tolist()
        self._sums, self.batches = torch.zeros(len(self._keys), 2), 0
        means = {
            k: total / count for k, (total, count) in zip(self._keys, sums, strict=True) if count
        }
        return {key: mean for key, mean in means.items() if math.isfinite(mean)}


def if_defined(value: Tensor) -> Tensor:
    """A number as a sum of one, or of none where it is not finite.

    Example:
        >>> if_defined(torch.tensor(2.0)), if_defined(torch.tensor(torch.nan))
        (tensor([2., 1.]), tensor([0., 0.]))
    """
    defined = value.isfinite()
    return torch.stack([torch.where(defined, value, 0.0), defined.to(value)])
