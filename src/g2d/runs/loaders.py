"""The batches of a run: for training, for evaluation, and what methods may read in between."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import torch

from g2d.batch import Batch
from g2d.data.loader import Subset, make_loader
from g2d.data.splits import Split
from g2d.engine.settings import AUTO, TrainingSettings
from g2d.errors import UserError

if TYPE_CHECKING:
    from lightning_fabric import Fabric

EVALUATION_BATCH = 256
# Of `training.workers: auto`: more wait for the disk, and each holds batches in memory.
_MOST_WORKERS = 8


def train_loader(split: Split, settings: TrainingSettings, seed: int, fabric: Fabric) -> Any:
    """This process's share of the training split, shuffled."""
    return make_loader(
        split,
        settings.batch_size,
        shuffle=True,
        seed=seed,
        rank=fabric.global_rank,
        world_size=fabric.world_size,
        workers=workers_for(split, settings),
        pin_memory=fabric.device.type == "cuda",
        seeded=settings.workers == AUTO,
    )


def workers_for(split: Split, settings: TrainingSettings) -> int:
    """Processes that read a split: as set, or as many as it is worth on this machine."""
    if settings.workers != AUTO:
        return int(settings.workers)
    return min(_MOST_WORKERS, max(0, cores() // settings.devices - 1)) if split.reads_files else 0


def cores() -> int:
    """Those that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def evaluation_batch_size(settings: TrainingSettings) -> int:
    """Larger than in training: no graph is kept."""
    return max(settings.batch_size, EVALUATION_BATCH)


def evaluation_loader(
    split: Split, settings: TrainingSettings, fabric: Fabric | None = None
) -> Any:
    """A split in order; the share of this process where a fabric is given, else all of it."""
    return make_loader(
        split,
        evaluation_batch_size(settings),
        shuffle=False,
        rank=fabric.global_rank if fabric else 0,
        world_size=fabric.world_size if fabric else 1,
        workers=workers_for(split, settings),
        pin_memory=fabric is not None and fabric.device.type == "cuda",
        seeded=settings.workers == AUTO,
    )


def iter_train(
    split: Split, settings: TrainingSettings, fabric: Fabric, fraction: float, seed: int
) -> Any:
    """A random fraction of the training split, the same for every process, in the split's order."""
    count = max(1, round(fraction * len(split)))
    if count < len(split):
        chosen = torch.randperm(len(split), generator=torch.Generator().manual_seed(seed))
        split = Subset(split, sorted(chosen[:count].tolist()))
    return to_device(evaluation_loader(split, settings), fabric)


def to_device(loader: Any, fabric: Fabric) -> Any:
    """The loader's batches, moved to this process's device."""
    return (batch.to(fabric.device) for batch in loader)


def without_inputs(split: Split, settings: TrainingSettings) -> Iterator[Batch]:
    """Targets, indices and masks as `evaluation_loader` gives them; the data is not read."""
    for index in torch.arange(len(split)).split(evaluation_batch_size(settings)):
        present = {name: torch.as_tensor(mask)[index] for name, mask in split.present.items()}
        yield Batch({}, split.target[index], index, present)


def having(split: Split, modality: str) -> Split:
    """The samples of a split in which a modality is there, for a model that reads it alone."""
    present = split.present.get(modality)
    if present is None or bool(present.all()):
        return split.only(modality)
    if not present.any():
        raise UserError(
            f"modality {modality!r} is absent from every sample of a split, so its teacher has "
            "nothing to learn from; leave it out, or divide the data otherwise"
        )
    return Subset(split.only(modality), [row for row, there in enumerate(present) if there])


class Rest(Split):
    """The rows of a split from one on, with their own indices."""

    def __init__(self, split: Split, start: int) -> None:
        self.split, self.start = split, start
        self.target, self.augmented = split.target[start:], split.augmented

    @property
    def reads_files(self) -> bool:
        """As below."""
        return self.split.reads_files

    def __len__(self) -> int:
        return len(self.split) - self.start

    def __getitems__(self, indices: list[int]) -> Any:
        return self.split.__getitems__([self.start + index for index in indices])
