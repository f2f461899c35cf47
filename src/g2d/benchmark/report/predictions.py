"""Predictions beside the truth, drawn small enough for hundreds of runs on a page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from g2d.analysis.scores import predictions_of
from g2d.methods.validation import FUSED
from g2d.runs.run import Run
from g2d.tasks import Classification, MultiLabel, Regression
from g2d.wording import listed

# A matrix of more classes is no longer read; the caption beside it has what matters.
MOST_CLASSES = 30
MOST_POINTS = 200
SIDE = 100


@dataclass(frozen=True)
class Confusion:
    """The confusion matrix of a classification, on test.

    Attributes:
        classes: Their names.
        matrix: Counts, rows what is right, columns what was predicted: `"8 0;1 9"`; empty where
            there are too many classes.
        caption: The same in a sentence.
    """

    classes: tuple[str, ...]
    matrix: str
    caption: str


@dataclass(frozen=True)
class Scatter:
    """The predictions of a regression on test, as dots in a box of `SIDE` by `SIDE`.

    True values go to the right, predicted ones upwards.

    Attributes:
        path: A dot for every sample, what `<path d>` takes.
        low: What the lower left corner stands for.
        high: What the upper right corner stands for.
        caption: The same in a sentence.
    """

    path: str
    low: float
    high: float
    caption: str


@dataclass(frozen=True)
class Labels:
    """The counts of each label of a multi-label task, on test.

    Attributes:
        rows: For every label its name, how many samples have it, how many were given it, and how
            many of these have it.
        caption: The same in a sentence.
    """

    rows: tuple[tuple[str, int, int, int], ...]
    caption: str


def drawn_predictions(run: Run) -> Confusion | Scatter | Labels | None:
    """Reads the fused predictions of a finished run on test; nothing where there are none."""
    if not run.finished or not (run.path / "predictions-test.npz").is_file():
        return None
    arrays = run.predictions("test")
    if f"logits/{FUSED}" not in arrays:
        return None
    logits, target = arrays[f"logits/{FUSED}"], arrays["target"]
    task = run.task
    predicted = predictions_of(task, logits)
    if isinstance(task, Regression):
        return scatter(target.astype(float), predicted.astype(float))
    if isinstance(task, MultiLabel):
        return by_label(target.astype(float) > 0.5, predicted > 0.5, task.label_names)
    if target.ndim != 1 or not np.issubdtype(target.dtype, np.integer):
        return None
    named = task.class_names if isinstance(task, Classification) else None
    classes = named or tuple(str(i) for i in range(logits.shape[1]))
    return confusion(target.astype(int), predicted, classes)


def confusion(
    target: NDArray[np.int_], predicted: NDArray[np.int_], classes: tuple[str, ...]
) -> Confusion:
    """Counts predictions by what was right.

    Example:
        >>> found = confusion(np.array([0, 0, 1]), np.array([0, 1, 1]), ("cat", "dog"))
        >>> found.matrix, found.caption
        ('1 1;0 1', '2 of 3 test samples are right. Most often mistaken: cat for dog (1).')
    """
    counts = np.zeros((len(classes), len(classes)), dtype=int)
    np.add.at(counts, (target, predicted), 1)
    wrong = counts - np.diag(np.diag(counts))
    order = np.argsort(-wrong, axis=None, kind="stable")[:3]
    pairs = [divmod(int(place), len(classes)) for place in order]
    mistakes = [
        f"{classes[was]} for {classes[taken]} ({wrong[was, taken]})"
        for was, taken in pairs
        if wrong[was, taken]
    ]
    caption = f"{int(np.trace(counts))} of {len(target)} test samples are right."
    if mistakes:
        caption += f" Most often mistaken: {listed(mistakes, 6)}."
    small = len(classes) <= MOST_CLASSES
    matrix = ";".join(" ".join(map(str, row)) for row in counts.tolist()) if small else ""
    return Confusion(classes, matrix, caption)


def by_label(target: NDArray[np.bool_], given: NDArray[np.bool_], names: Sequence[str]) -> Labels:
    """Counts every label by itself.

    Example:
        >>> found = by_label(
        ...     np.array([[True, False], [True, True]]),
        ...     np.array([[True, True], [False, True]]),
        ...     ["crime", "drama"],
        ... )
        >>> found.rows, found.caption
        ((('crime', 2, 1, 1), ('drama', 1, 2, 1)), '0 of 2 test samples have all labels right.')
    """
    counts = np.stack([target.sum(0), given.sum(0), (target & given).sum(0)], axis=1).tolist()
    right = int((target == given).all(axis=1).sum())
    rows = tuple((name, *row) for name, row in zip(names, counts, strict=True))
    return Labels(rows, f"{right} of {len(target)} test samples have all labels right.")


def scatter(target: NDArray[np.float64], predicted: NDArray[np.float64]) -> Scatter:
    """Dots of predicted against true; of many samples every k-th, in the order of what is right.

    Example:
        >>> scatter(np.array([0.0, 10.0]), np.array([5.0, 10.0])).path
        'M0 50h0M100 0h0'
    """
    finite = np.isfinite(target) & np.isfinite(predicted)
    target, predicted = target[finite], predicted[finite]
    if not len(target):
        return Scatter("", 0.0, 1.0, "No test sample has a number.")
    order = np.argsort(target, kind="stable")
    kept = order[:: -(-len(order) // MOST_POINTS)]
    low = float(min(target.min(), predicted.min()))
    high = float(max(target.max(), predicted.max()))
    spread = (high - low) or 1.0
    x = np.rint(SIDE * (target[kept] - low) / spread).astype(int)
    y = np.rint(SIDE * (high - predicted[kept]) / spread).astype(int)
    path = "".join(f"M{a} {b}h0" for a, b in zip(x.tolist(), y.tolist(), strict=True))
    error = np.abs(predicted - target)
    caption = (
        f"Predicted against true on {len(target)} test samples"
        f"{f', of which {len(kept)} are drawn' if len(kept) < len(target) else ''}: "
        f"half of the predictions are within {np.median(error):.3g} of the truth."
    )
    return Scatter(path, low, high, caption)
