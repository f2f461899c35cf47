"""Samples of the training data that a method keeps for itself."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor

from g2d.batch import Batch


def gather(batches: Iterable[Batch], *rows: Tensor) -> list[Batch]:
    """The samples of some rows, one batch for each list of rows, on the CPU.

    Example:
        >>> batches = [Batch({}, torch.tensor([5, 6]), torch.tensor([i, i + 1])) for i in (0, 2)]
        >>> [chosen.index.tolist() for chosen in gather(batches, torch.tensor([1, 2]))]
        [[1, 2]]
    """
    parts: list[list[Batch]] = [[] for _ in rows]
    for batch in batches:
        for part, wanted in zip(parts, rows, strict=True):
            at = torch.isin(batch.index, wanted).nonzero().squeeze(1)
            part.append(batch.to("cpu").rows(at))
    return [Batch.joined(part) for part in parts]
