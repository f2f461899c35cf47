"""From a split to a stream of batches whose order depends on seed and epoch alone."""

from __future__ import annotations

from collections.abc import Iterator, Sized
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import BatchSampler, DataLoader, DistributedSampler

from g2d.batch import Batch
from g2d.data.draws import SeededBatches, SeededSplit
from g2d.data.splits import Split
from g2d.errors import UserError

# The order is seeded with seed * _STRIDE + epoch; without the stride, epoch 1 of seed 0 would
# visit the samples in the very order of epoch 0 of seed 1.
_STRIDE = 1_000_003


class EpochSampler(DistributedSampler[Any]):
    """Order of the samples, a function of seed, epoch and rank.

    The workers' random numbers follow the epoch as well, so a resumed run augments as the
    uninterrupted one would have.

    A split with weights is drawn from with replacement, in proportion to them, as many samples as
    it has.

    Args:
        dataset: What is sampled from; only its length is used, and its weights.
        shuffle: Draw a new order every epoch, or keep the split's own.
        seed: Seed of the order.
        rank: Which of the processes this is.
        world_size: How many processes share the split.

    Example:
        >>> sampler = EpochSampler(range(4), shuffle=False, seed=0, rank=1, world_size=2)
        >>> list(sampler)
        [1, 3]
    """

    def __init__(
        self, dataset: Sized, *, shuffle: bool, seed: int, rank: int, world_size: int
    ) -> None:
        super().__init__(
            cast(Any, dataset),
            num_replicas=world_size,
            rank=rank,
            shuffle=shuffle,
            seed=seed * _STRIDE,
        )
        self.generator = torch.Generator()
        self.weights: Tensor | None = getattr(dataset, "weights", None) if shuffle else None
        self.set_epoch(0)

    def __iter__(self) -> Iterator[Any]:
        if self.weights is None:
            return super().__iter__()
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        drawn = torch.multinomial(
            self.weights, self.total_size, replacement=True, generator=generator
        )
        return iter(drawn[self.rank : self.total_size : self.num_replicas].tolist())

    def set_epoch(self, epoch: int) -> None:
        """Sets the epoch, which alone decides the order."""
        super().set_epoch(epoch)
        self.generator.manual_seed(self.seed + epoch)


class NoLoneSample(BatchSampler):
    """Batches in which no sample is alone: batch norm cannot normalise a single value.

    A last batch of one sample becomes part of the batch before it.

    Example:
        >>> list(NoLoneSample(range(5), 2)), list(NoLoneSample(range(1), 2))
        ([[0, 1], [2, 3, 4]], [[0]])
    """

    def __init__(self, sampler: Any, batch_size: int) -> None:
        super().__init__(sampler, batch_size, drop_last=False)

    def __iter__(self) -> Iterator[list[int]]:
        waiting: list[int] = []
        for batch in super().__iter__():
            if len(batch) == 1 and self.batch_size > 1:
                waiting += batch
                continue
            if waiting:
                yield waiting
            waiting = batch
        yield waiting

    def __len__(self) -> int:
        samples = len(cast(Sized, self.sampler))
        lone = self.batch_size > 1 and samples % self.batch_size == 1 and samples > 1
        return super().__len__() - lone


def make_loader(
    split: Split,
    batch_size: int,
    *,
    shuffle: bool,
    seed: int = 0,
    rank: int = 0,
    world_size: int = 1,
    workers: int = 0,
    pin_memory: bool = False,
    seeded: bool = False,
) -> DataLoader[Batch]:
    """Makes the loader of one split.

    Call `loader.batch_sampler.sampler.set_epoch(epoch)` before each epoch. Nothing is dropped.
    With one process each sample comes exactly once an epoch; with several, the first samples come
    again at the end where the split does not divide evenly (recognise them by `Batch.index`). The
    global random state is left alone.

    Args:
        split: What to load.
        batch_size: Samples in a batch of one process; the last batch may be smaller, and one
            larger where a single sample would be left to train on.
        shuffle: New order every epoch (training) or the split's own (evaluation).
        seed: Seed of the order and of the workers.
        rank: Which of the processes this is.
        world_size: How many processes share the split.
        workers: Processes that read ahead; 0 reads in this one.
        pin_memory: Hand out batches in page-locked memory.
        seeded: Draw at random what follows from seed, epoch and the place of a batch alone; else
            draws are of the process that reads it, and differ with the number of workers.

    Raises:
        UserError: The split is empty or an option is out of range.

    Example:
        >>> from g2d.data.arrays import ArraySplit
        >>> split = ArraySplit({"sound": np.zeros((5, 3), np.float32)}, np.arange(5))
        >>> [batch.index.tolist() for batch in make_loader(split, 2, shuffle=False)]
        [[0, 1], [2, 3], [4]]
    """
    if len(split) == 0:
        raise UserError("got a split of 0 samples, expected 1 or more; check the data's rows")
    if batch_size < 1:
        raise UserError(f"got batch_size={batch_size}, expected 1 or more")
    if workers < 0:
        raise UserError(f"got workers={workers}, expected 0 or more")
    if not 0 <= rank < world_size:
        raise UserError(f"got rank={rank} of world_size={world_size}, expected 0 <= rank < size")
    sampler = EpochSampler(split, shuffle=shuffle, seed=seed, rank=rank, world_size=world_size)
    batches = (
        NoLoneSample(sampler, batch_size)
        if shuffle
        else BatchSampler(sampler, batch_size, drop_last=False)
    )
    return DataLoader(
        cast(Any, SeededSplit(split) if seeded else split),
        batch_sampler=cast(Any, SeededBatches(batches, sampler) if seeded else batches),
        num_workers=workers,
        # Those that draw by themselves are begun anew in every epoch, with its seed.
        persistent_workers=workers > 0 and shuffle and (seeded or not split.augmented),
        collate_fn=_as_it_is,
        pin_memory=pin_memory,
        generator=sampler.generator,
    )


class Subset(Split):
    """Some rows of a split, numbered anew from 0.

    Args:
        split: The whole.
        rows: Positions in it; sample i of the subset is sample `rows[i]` of the whole.

    Example:
        >>> from g2d.data.arrays import ArraySplit
        >>> whole = ArraySplit({"sound": np.zeros((5, 3), np.float32)}, np.arange(5))
        >>> batch = Subset(whole, [4, 2]).__getitems__([0])
        >>> batch.target, batch.index
        (tensor([4]), tensor([0]))
    """

    def __init__(self, split: Split, rows: list[int]) -> None:
        self.split = split
        self.rows = torch.as_tensor(rows, dtype=torch.int64)
        self.target: Tensor = split.target[self.rows]
        self.weights = None if split.weights is None else split.weights[self.rows]
        self.groups = None if split.groups is None else split.groups[self.rows]
        self.augmented = split.augmented
        whole = split.present
        self.present = {name: there[self.rows.numpy()] for name, there in whole.items()}

    @property
    def reads_files(self) -> bool:
        """As below."""
        return self.split.reads_files

    def __len__(self) -> int:
        return len(self.rows)

    def __getitems__(self, indices: list[int]) -> Batch:
        own = torch.as_tensor(indices, dtype=torch.int64)
        batch = self.split.__getitems__(self.rows[own].tolist())
        return Batch(batch.inputs, batch.target, own, batch.present)

    def only(self, modality: str) -> Subset:
        """This subset with one modality."""
        return Subset(self.split.only(modality), self.rows.tolist())

    def plain(self) -> Subset:
        """This subset without augmentation."""
        return Subset(self.split.without_augmentation(), self.rows.tolist())


def limit(split: Split, n: int, seed: int = 0) -> Split:
    """At most `n` samples of a split, drawn without replacement, in the split's order.

    Example:
        >>> from g2d.data.arrays import ArraySplit
        >>> whole = ArraySplit({"sound": np.zeros((5, 3), np.float32)}, np.arange(5))
        >>> len(limit(whole, 3)), limit(whole, 9) is whole
        (3, True)
    """
    if n < 1:
        raise UserError(f"got a limit of {n} samples, expected 1 or more")
    if n >= len(split):
        return split
    drawn = np.random.default_rng(seed).choice(len(split), size=n, replace=False)
    return Subset(split, sorted(drawn.tolist()))


def _as_it_is(batch: Any) -> Batch:
    """`Split.__getitems__` has made the batch already: nothing is left to collate."""
    return cast(Batch, batch)
