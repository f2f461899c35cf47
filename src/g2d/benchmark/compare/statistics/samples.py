"""What every test sample adds to a metric, so that samples can be drawn again and paired."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.analysis.intervals import Floats, resamples
from g2d.analysis.scores import score_samples
from g2d.tasks import Classification, Regression, Task


@dataclass(frozen=True)
class Samples:
    """The test samples of one run, under one metric.

    Attributes:
        metric: Its name.
        index: Which samples, `(N,)`.
        target: Of these, `(N, ...)`.
        present: Which of them count, `(N,)`.
        parts: What each adds, `(N,)`: right or not, or the error that the metric is a mean of; of
            balanced accuracy and macro F1 `Classification.terms`, whose mean they are.
    """

    metric: str
    index: NDArray[np.generic]
    target: NDArray[np.generic]
    present: NDArray[np.bool_]
    parts: Floats

    def __call__(self, weights: Floats) -> Floats:
        """The metric `(D,)` of D ways `(D, N)` to weigh samples."""
        weights = weights * self.present
        total = weights.sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = weights @ self.parts / total
            if self.metric == "rmse":
                return np.asarray(np.sqrt(mean))
            if self.metric == "r2":
                truth = self.target.astype(np.float64)
                spread = weights @ truth**2 / total - (weights @ truth / total) ** 2
                return np.asarray(np.where(spread > 0, 1 - mean / spread, np.nan))
        return np.asarray(mean)

    def pairs_with(self, other: Samples) -> bool:
        """Whether both are of the same samples, in the same order."""
        return np.array_equal(self.index, other.index) and np.array_equal(self.target, other.target)

    @property
    def count(self) -> int:
        """The number of samples that count."""
        return int(self.present.sum())


def samples_of(
    predictions: Mapping[str, NDArray[np.generic]], task: Task, read: str, metric: str
) -> Samples | None:
    """Builds `Samples` from the predictions of a run.

    Args:
        predictions: As `Run.predictions` gives them.
        task: Of the run.
        read: `"fused"` or a modality.
        metric: `"accuracy"`, `"mae"`, or another of regression.

    Returns:
        `None` where the run has no such predictions.

    Example:
        >>> from g2d import Classification
        >>> logits = np.array([[2.0, 0.0], [2.0, 0.0]], np.float32)
        >>> arrays = {"logits/fused": logits, "target": np.arange(2), "index": np.arange(2)}
        >>> samples_of(arrays, Classification(2), "fused", "accuracy")(np.ones((1, 2)))
        array([0.5])
    """
    found = predictions.get(f"logits/{read}")
    if found is None:
        return None
    logits, target = torch.from_numpy(found), torch.from_numpy(predictions["target"])
    present = predictions.get(f"present/{read}")
    here = np.ones(len(target), np.bool_) if present is None else present.astype(np.bool_)
    if isinstance(task, Regression):
        parts, defined = _errors(task, logits, target, metric)
        here = here & defined
    elif isinstance(task, Classification) and metric in {"uar", "macro_f1"}:
        if task.metric != metric:
            return None
        parts = np.zeros(len(target))
        parts[here] = task.terms(logits[here], target[here]).double().numpy()
    elif isinstance(task, Classification):
        off = (task.predict(logits) - target).abs().double().numpy()
        parts = off if metric == "mae" else (off == 0).astype(np.float64)
    else:
        parts = score_samples(task, logits, target)
    return Samples(metric, predictions["index"], predictions["target"], here, parts)


def _errors(task: Regression, logits: Any, target: Any, metric: str) -> tuple[Floats, Any]:
    truth = target.double().numpy()
    error = task.predict(logits).double().numpy() - truth
    defined = np.ones(len(truth), np.bool_)
    if metric == "mape":
        defined = truth != 0
        return np.abs(error / np.where(defined, truth, 1.0)), defined
    return (np.abs(error) if metric == "mae" else error**2), defined


@lru_cache(maxsize=2)
def draws(rows: int) -> Floats:
    """The same resamples for all runs of a dataset, so that differences are paired."""
    return resamples(rows)
