"""Scores of predictions, sample by sample, and their skill over guessing at any offset."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.tasks import Classification, MultiLabel, Task

Floats = NDArray[np.float64]


def score_samples(task: Task, logits: Tensor, target: Tensor) -> Floats:
    """Each sample's term of the usual score, `(N,)`.

    Their mean is the metric of classes, the share of right bits of labels, and R² of numbers. Of
    classes in order it is D²: by how much the predictions are less off than the median class, which
    is 0 for a model that predicts only that class and 1 for one without an error.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0], [2.0, 0.0]])
        >>> score_samples(Classification(2), logits, torch.arange(2))
        array([1., 0.])
    """
    predicted = task.predict(logits)
    if isinstance(task, Classification):
        terms = _numbers(task.terms(logits, target))
        return terms if task.higher_is_better else _explained(terms, target)
    if isinstance(task, MultiLabel):
        return _numbers((predicted == target.long()).double().mean(dim=1))
    truth = target.double()
    spread = ((truth - truth.mean()) ** 2).mean()
    if spread == 0:
        return np.full(len(truth), np.nan)
    return _numbers(1 - (predicted.double() - truth) ** 2 / spread)


def predictions_of(task: Task | None, logits: NDArray[np.generic]) -> NDArray[Any]:
    """What a run predicts; the likeliest class where its records do not hold the task.

    Example:
        >>> (
        ...     predictions_of(None, np.array([[0.0, 2.0]])),
        ...     predictions_of(Classification(2), np.eye(2)),
        ... )
        (array([1]), array([0, 1]))
    """
    if task is None:
        return np.asarray(logits.argmax(axis=1))
    predicted: NDArray[Any] = task.predict(torch.from_numpy(logits)).numpy()
    return predicted


def score_name(task: Task) -> str:
    """The name of the mean of `score_samples`."""
    if isinstance(task, Classification):
        words = {"uar": "balanced accuracy", "macro_f1": "macro F1", "mae": "D²"}
        return words.get(task.metric, task.metric)
    return "right labels" if isinstance(task, MultiLabel) else "R²"


def _explained(errors: Floats, target: Tensor) -> Floats:
    """D² of absolute errors, sample by sample; `nan` where targets are alike."""
    guess = np.abs(_numbers(target) - _numbers(target.median())).mean()
    return np.full(len(errors), np.nan) if guess == 0 else 1 - errors / guess


def offset(task: Task, logits: Tensor, target: Tensor) -> Tensor:
    """The offset that a prediction adds to all samples, `(C,)`, read off the training split.

    In a fusion only the sum of the modalities has to be right: one may add to a class what another
    takes away. Of classes it is the mean of the class means, so that a frequent class does not
    shift it; of labels the same for each label; of numbers nothing, since a correlation does not
    see it.

    Args:
        task: Of the logits.
        logits: On training samples, `(N, C)`.
        target: Of these samples.
    """
    logits = logits.double()
    if isinstance(task, Classification):
        seen = [logits[target == c].mean(dim=0) for c in target.unique()]
        return torch.stack(seen).mean(dim=0)
    if isinstance(task, MultiLabel):
        bits = target > 0.5
        means = [
            (logits * side).sum(dim=0) / side.sum(dim=0).clamp(min=1)
            for side in (bits.double(), (~bits).double())
        ]
        both = bits.any(dim=0) & (~bits).any(dim=0)
        return torch.where(both, (means[0] + means[1]) / 2, 0.0)
    return logits.new_zeros(logits.shape[1])


class Skill:
    """How far predictions are on the way from guessing (0) to perfect (1).

    For classes the mean of the recalls, less that of guessing, over the rest: a frequent class
    counts as much as a rare one, and a constant prediction scores 0. For labels the
    mean of the same over the labels. For numbers r |r|, with r the correlation with the truth: R²
    after the best straight line, negative where that line falls. Offsets are taken off before.

    Args:
        task: Of the logits.
        logits: On held-out samples, `(N, C)`.
        target: Of these samples.
        present: Which samples count, bool `(N,)`; all when `None`.
        offset: See `offset`.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0], [0.0, 2.0], [2.0, 0.0]])
        >>> Skill(Classification(2), logits, torch.tensor([0, 1, 1]))(np.ones((1, 3)))
        array([0.5])
    """

    def __init__(
        self,
        task: Task,
        logits: Tensor,
        target: Tensor,
        present: Tensor | None = None,
        offset: Tensor | None = None,
    ) -> None:
        logits = logits.double() - (0.0 if offset is None else offset)
        here = torch.ones(len(target), dtype=torch.bool) if present is None else present.bool()
        self._here = _numbers(here)
        predicted = task.predict(logits)
        self._groups: list[tuple[Floats, Floats]] = []  # for each class or bit: of it, and right
        self._sets: list[list[int]] = []  # the groups whose recalls are averaged
        self._pair: tuple[Floats, Floats] | None = None
        if isinstance(task, Classification):
            self._add([target == c for c in target[here].unique()], predicted == target)
        elif isinstance(task, MultiLabel):
            for label in range(task.outputs):
                bits = target[:, label] > 0.5
                right = (predicted[:, label] > 0) == bits
                self._add([bits, ~bits], right)
        else:
            self._pair = _numbers(predicted), _numbers(target)
        self.rows = int(here.sum())

    def _add(self, sides: list[Tensor], right: Tensor) -> None:
        sides = [side for side in sides if bool((side * torch.from_numpy(self._here > 0)).any())]
        if len(sides) < 2:
            return
        first = len(self._groups)
        self._groups += [(_numbers(side), _numbers(side & right)) for side in sides]
        self._sets.append(list(range(first, len(self._groups))))

    @property
    def effective_rows(self) -> float:
        """The number of equally frequent samples of the same weight, for one set of classes."""
        if self._pair is not None:
            return float(self.rows)
        found = []
        for members in self._sets:
            counts = np.array([(self._groups[g][0] * self._here).sum() for g in members])
            found.append(len(members) ** 2 / (1 / counts).sum())
        return float(np.mean(found)) if found else 0.0

    @property
    def stretch(self) -> float:
        """How much longer an error of a recall is in skill: 1 / (1 - chance)."""
        if self._pair is not None or not self._sets:
            return 1.0
        return max(1 / (1 - 1 / len(members)) for members in self._sets)

    def __call__(self, weights: Floats) -> Floats:
        """The skill `(D,)` of D ways `(D, N)` to weigh samples; `nan` where targets are alike."""
        weights = weights * self._here
        if self._pair is not None:
            return _signed_square(_correlation(weights, *self._pair))
        if not self._sets:
            return np.full(len(weights), np.nan)
        of = weights @ np.stack([group for group, _ in self._groups], axis=1)
        right = weights @ np.stack([hits for _, hits in self._groups], axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            recall = right / of
        parts = []
        for members in self._sets:
            chance = 1 / len(members)
            there = of[:, members] > 0
            mean = np.where(there, recall[:, members], 0).sum(axis=1) / there.sum(axis=1).clip(1)
            parts.append((mean - chance) / (1 - chance))
        return np.asarray(np.mean(parts, axis=0), np.float64)


def _correlation(weights: Floats, x: Floats, y: Floats) -> Floats:
    total = weights.sum(axis=1).clip(1e-12)
    mx, my = weights @ x / total, weights @ y / total
    xx = weights @ x**2 / total - mx**2
    yy = weights @ y**2 / total - my**2
    xy = weights @ (x * y) / total - mx * my
    scale = max(float((x**2).mean()), 1e-12) * max(float((y**2).mean()), 1e-12)
    there = xx * yy > 1e-12 * scale  # a constant prediction has no correlation
    return np.where(there, xy / np.sqrt(np.where(there, xx * yy, 1.0)), 0.0)


def _signed_square(r: Floats) -> Floats:
    return r * np.abs(r)


def _numbers(values: Tensor) -> Floats:
    found: Floats = values.double().cpu().numpy()
    return found
