"""The confidence of a set of teachers on each view of the data, and while they were trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from g2d.analysis.bootstrap import Measured, mean_of, resampled_means
from g2d.analysis.collecting import Floats, collect_logits
from g2d.analysis.intervals import resamples
from g2d.analysis.subject import Subject
from g2d.batch import Batch
from g2d.functional.scores import rank
from g2d.methods.validation import FUSED
from g2d.runs.run import Run
from g2d.tasks import Regression, Task
from g2d.teachers.confidence import learning_speeds, speed_scores

SEEN, TRAIN, HELDOUT = "train as seen", "train unaugmented", "held out"
VIEWS = (SEEN, TRAIN, HELDOUT)
SPEED = "learning speed"


# Fewer batches have no range worth telling.
_FEW = 5


@dataclass(frozen=True)
class ConfidenceOn:
    """The confidence of one teacher in the samples of one view.

    Attributes:
        mean: Over samples, Eq. 5 over all of them.
        batches: Mean over each batch of one epoch.
    """

    mean: Measured
    batches: tuple[float, ...]

    @property
    def band(self) -> tuple[float, float]:
        """The range of all batches but a twentieth on either side; `nan` for fewer than five."""
        if len(self.batches) < _FEW:
            return math.nan, math.nan
        low, high = np.quantile(self.batches, [0.05, 0.95])
        return float(low), float(high)


@dataclass(frozen=True)
class Memory:
    """How sure a teacher was after each epoch of its own training.

    Attributes:
        heldout: Mean confidence on validation.
        train: exp(-mean training loss), which is at most the mean confidence on training batches
            (Jensen), as they came and with dropout; empty where the loss is no log-likelihood.
    """

    heldout: tuple[float, ...]
    train: tuple[float, ...]


@dataclass(frozen=True)
class Teachers:
    """The teachers of one or several subjects.

    Attributes:
        label: Whose.
        confidence: By view, then by modality.
        rankings: Modalities from the weakest on, by view and by learning speed where it is known.
        weakest_share: By view, the share of resamples with the same weakest modality.
        memory: By modality, where records are there.
        speed: Learning speed by modality, where records are there of all.
        chance: Confidence of a guess, on all held-out samples.
        augmented: Whether the view as seen differs from that without augmentation.
        batch_size: Of the batches behind the bands.
    """

    label: str
    confidence: Mapping[str, Mapping[str, ConfidenceOn]]
    rankings: Mapping[str, tuple[str, ...]]
    weakest_share: Mapping[str, float]
    memory: Mapping[str, Memory]
    speed: Mapping[str, float]
    chance: float
    augmented: bool
    batch_size: int


def teachers_of(subject: Subject, label: str) -> Teachers:
    """Measures the confidence of a subject's teachers on every view.

    Args:
        subject: With teachers.
        label: What tables and figures call them.
    """
    views: dict[str, Iterable[Batch]] = {
        SEEN: (subject.seen or (lambda: subject.batches("train")))(),
        TRAIN: subject.batches("train"),
        HELDOUT: subject.batches("val"),
    }
    size = subject.batch_size
    values: dict[str, dict[str, Floats]] = {}
    confidence, rankings, shares = {}, {}, {}
    for view, batches in views.items():
        # Augmentation draws from torch's own generator.
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            collected = collect_logits(subject, batches, student=False)
        found = {n: collected.confidence(subject.task, n, z) for n, z in collected.teachers.items()}
        draws = resamples(len(collected.target))
        values[view] = found
        confidence[view] = {
            name: ConfidenceOn(mean_of(rows, draws), _batch_means(rows, size))
            for name, rows in found.items()
        }
        # As in training: who is nowhere has nothing to learn, and so is not the weakest.
        means_by = {name: s.mean.value for name, s in confidence[view].items()}
        scores = {n: v if np.isfinite(v) else np.inf for n, v in means_by.items()}
        rankings[view] = rank(scores)
        means = np.stack([resampled_means(rows, draws) for rows in found.values()])
        weakest = list(found).index(rankings[view][0])
        lowest = np.where(np.isfinite(means), means, np.inf).argmin(axis=0)
        shares[view] = float((lowest == weakest).mean())
        if view == HELDOUT:
            held, confident = collected, scores
    memory = _memories(subject.teacher_folders, subject.task)
    speed: dict[str, float] = {}
    if len(memory) == len(subject.teachers):
        curves = {name: m.heldout for name, m in memory.items()}
        speed = learning_speeds(curves, subject.task, held.target, held.present)
        rankings[SPEED] = rank(speed_scores(speed, confident))
    return Teachers(
        label=label,
        confidence=confidence,
        rankings=rankings,
        weakest_share=shares,
        memory=memory,
        speed=speed,
        chance=subject.task.chance(held.target),
        augmented=any(
            not np.array_equal(values[SEEN][name], values[TRAIN][name], equal_nan=True)
            for name in values[SEEN]
        ),
        batch_size=size,
    )


def _batch_means(values: Floats, size: int) -> tuple[float, ...]:
    """Over the batches of one epoch in a random order; a teacher predicts the same in any order."""
    order = np.random.default_rng(0).permutation(len(values))
    parts = [values[order[start : start + size]] for start in range(0, len(values), size)]
    whole = [part for part in parts if len(part) == size] or parts
    there = [part[np.isfinite(part)] for part in whole]
    return tuple(float(part.mean()) for part in there if len(part))


def _memories(folders: Mapping[str, Path], task: Task) -> dict[str, Memory]:
    found = {}
    for name, folder in folders.items():
        lines = Run(folder).epochs
        if not lines:
            continue
        likelihood = not isinstance(task, Regression)
        found[name] = Memory(
            heldout=tuple(line["val"]["confidence"][FUSED] for line in lines),
            train=tuple(math.exp(-line["train"]["loss"]) for line in lines) if likelihood else (),
        )
    return found
