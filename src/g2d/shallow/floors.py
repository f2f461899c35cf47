"""Floors that a trained model should beat: predictors that are fitted in seconds."""

from __future__ import annotations

import logging
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from g2d.data.loader import limit
from g2d.data.splits import Splits
from g2d.shallow.predictors import NAMES, Fitted, choose
from g2d.shallow.vectors import ShortVectors
from g2d.tasks import Classification, Task

logger = logging.getLogger(__name__)

# With more classes boosting takes minutes.
_CLASSES = 30
# The most training rows to fit on, and validation rows to choose on.
_MOST_ROWS = 5000
GUESS = "guess"


@dataclass(frozen=True)
class Floors:
    """Predictors without a network, and their logits.

    Attributes:
        task: What is predicted.
        logits: By name of the predictor (`guess`, `boosting`, `linear`, `svm`) and of the split
            (`val`, `test` where it is not withheld), `(N, C)`.
        reads: The modalities that each predictor reads.
        notes: What was left out or cut, in sentences.
    """

    task: Task
    logits: dict[str, dict[str, Tensor]]
    reads: dict[str, tuple[str, ...]]
    notes: tuple[str, ...] = ()


def fit_floors(splits: Splits, *, without: Collection[str] = ()) -> Floors:
    """Fits guessing, boosting on the columns, linear models and SVMs on everything.

    They see the splits that the model sees: fitted on training rows, chosen on validation, on
    5,000 rows of each at most.

    Args:
        splits: The data; `spec.short_vectors` lists what is cheap to read of its modalities.
        without: Names of those to leave out.

    Example:
        >>> import numpy as np
        >>> from g2d.data.arrays import ArraySplit
        >>> from g2d.data.splits import DatasetSpec
        >>> x = np.arange(80, dtype=np.float32).reshape(40, 2) % 7
        >>> y = (x[:, 0] > 3).astype(np.int64)
        >>> parts = [ArraySplit({"a": x, "b": x[:, :1]}, y) for _ in range(3)]
        >>> spec = DatasetSpec("d", Classification(2), {"a": (2,), "b": (1,)}, "p", "f")
        >>> floors = fit_floors(Splits(spec, *parts))
        >>> logits = floors.logits["boosting"]["val"]
        >>> list(floors.logits), Classification(2).metrics(logits, parts[1].target)["accuracy"]
        (['guess', 'boosting', 'linear', 'svm'], 1.0)
    """
    task = splits.spec.task
    vectors = ShortVectors(splits.spec, splits.train, _MOST_ROWS)
    train = vectors.train
    val = vectors.read_all(limit(splits.val, _MOST_ROWS))
    notes = []
    if len(train.target) < len(splits.train):
        notes.append(f"fitted on {len(train.target)} of {len(splits.train)} training rows")
    everything = tuple(splits.spec.modalities)
    reads = {"linear": everything, "svm": everything}
    if vectors.columns and slow_to_boost(task):
        notes.append(f"no boosting: it takes minutes with {task.outputs} classes")
    elif vectors.columns:
        reads = {"boosting": tuple(vectors.columns), **reads}
    reads = {name: names for name, names in reads.items() if name not in without}
    fitted: dict[str, Fitted] = {}
    for name, names in reads.items():
        missing = [one for one in names if one in vectors.missing]
        candidates = NAMES[name](task, len(train.target))
        pairs = [(part.joined(names, missing), part.target) for part in (train, val)]
        fitted[name] = choose(candidates, task, pairs[0], pairs[1], vectors.weights)
        logger.info("%s on %s is fitted", name, ", ".join(names))
    logits: dict[str, dict[str, Tensor]] = {name: {} for name in [GUESS, *fitted]}
    for split_name, split in splits.measured().items():
        if split_name == "train":
            continue
        parts: dict[str, list[Tensor]] = {name: [] for name in fitted}
        for part in vectors.read(split):
            for name, names in reads.items():
                missing = [one for one in names if one in vectors.missing]
                parts[name].append(fitted[name].logits(part.joined(names, missing)))
        found_here: dict[str, Any] = {name: torch.cat(found) for name, found in parts.items()}
        found_here[GUESS] = task.constant(splits.train.target)[:1].expand(len(split), -1)
        for name in logits:
            logits[name][split_name] = found_here[name]
    return Floors(task, logits, reads, tuple(notes))


def slow_to_boost(task: Task) -> bool:
    """Whether boosted trees take minutes, because each of many classes has trees of its own."""
    return isinstance(task, Classification) and task.outputs > _CLASSES
