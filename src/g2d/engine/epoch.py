"""The training steps of one epoch."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from itertools import islice

import torch

from g2d.batch import Batch
from g2d.engine.progress import Progress
from g2d.errors import DivergedError
from g2d.methods.base import Method
from g2d.ranks import sum_over_ranks


def train_epoch(method: Method, batches: Iterable[Batch], accumulate: int, bar: Progress) -> float:
    """Trains one epoch and returns the mean loss, which is read from the device once."""
    total, count = torch.zeros((), device=method.student.device), 0
    for parts in _grouped(batches, accumulate):
        size = sum(len(batch) for batch in parts)
        total += method.step(*parts) * size
        count += size
        bar.advance()
    total, samples = sum_over_ranks(torch.stack([total, torch.full_like(total, count)]))
    mean = float(total / samples)
    if not math.isfinite(mean):
        raise DivergedError(
            f"the training loss became {mean}; lower training.learning_rate or set "
            "training.clip_norm"
        )
    return mean


def _grouped(batches: Iterable[Batch], size: int) -> Iterator[list[Batch]]:
    """Batches by optimizer step; the last step of an epoch may have fewer."""
    iterator = iter(batches)
    while group := list(islice(iterator, size)):
        yield group
