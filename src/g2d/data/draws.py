"""Random draws of a batch that follow from its place in the epoch, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any, cast

import numpy as np
import torch

from g2d.batch import Batch
from g2d.data.splits import Split

# A seed, and the samples that are read with it.
Seeded = tuple[int, list[int]]


class SeededBatches:
    """Batches of samples, each with a seed of its own: of the run, the epoch, its rank and place.

    Args:
        batches: Lists of samples.
        sampler: What they are drawn by; it has `seed`, `epoch` and `rank`.
    """

    def __init__(self, batches: Any, sampler: Any) -> None:
        self.batches, self.sampler = batches, sampler

    def __len__(self) -> int:
        return len(cast(Sized, self.batches))

    def __iter__(self) -> Iterator[Seeded]:
        about = [self.sampler.seed, self.sampler.epoch, self.sampler.rank]
        for place, batch in enumerate(self.batches):
            seed = np.random.SeedSequence([*about, place]).generate_state(1)
            yield int(seed[0]), batch


class SeededSplit:
    """A split that draws what a batch's own seed says, and leaves torch's generator as it was.

    Args:
        split: Its draws are torch's own, on the CPU.
    """

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, seeded: Seeded) -> Batch:
        seed, indices = seeded
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            return self.split.__getitems__(indices)
