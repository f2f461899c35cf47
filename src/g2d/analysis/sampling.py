"""Draws a few samples from a stream of batches, each equally likely."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import torch
from torch import nn

from g2d.batch import Batch
from g2d.errors import UserError


def draw(batches: Iterable[Batch], most: int, seed: int = 0) -> Batch:
    """At most so many samples of a split, in the split's order, as one batch on the CPU.

    Every sample draws a random number, and those with the smallest stay: one pass, and no more
    held than is kept.

    Args:
        batches: One pass over a split.
        most: How many.
        seed: Of the draw; the same split gives the same samples.

    Raises:
        UserError: There are no batches.

    Example:
        >>> parts = [
        ...     Batch({"a": torch.ones(3, 1)}, torch.zeros(3), torch.arange(3 * i, 3 * i + 3))
        ...     for i in range(4)
        ... ]
        >>> draw(parts, 5).index.shape, draw(parts, 99).index.tolist() == list(range(12))
        (torch.Size([5]), True)
    """
    generator = torch.Generator().manual_seed(seed)
    kept: Batch | None = None
    keys = torch.zeros(0, dtype=torch.float64)
    for batch in batches:
        keys = torch.cat([keys, torch.rand(len(batch), generator=generator, dtype=torch.float64)])
        kept = batch.to("cpu") if kept is None else Batch.joined([kept, batch.to("cpu")])
        if len(keys) > most:
            stay = keys.topk(most, largest=False).indices.sort().values
            keys, kept = keys[stay], kept.rows(stay)
    if kept is None:
        raise UserError("there is nothing to draw samples from, got no batches")
    return kept


def parts(batch: Batch, size: int) -> list[Batch]:
    """A batch cut into batches of at most so many samples, in order.

    Example:
        >>> whole = Batch({"a": torch.ones(5, 1)}, torch.zeros(5), torch.arange(5))
        >>> [part.index.tolist() for part in parts(whole, 2)]
        [[0, 1], [2, 3], [4]]
    """
    return [batch.rows(rows) for rows in torch.arange(len(batch)).split(size)]


def on_device_of(model: nn.Module, batches: Iterable[Batch]) -> Iterator[Batch]:
    """The batches where the parameters of a model are; as they are where it has none."""
    parameter = next(model.parameters(), None)
    for batch in batches:
        yield batch if parameter is None else batch.to(parameter.device)
