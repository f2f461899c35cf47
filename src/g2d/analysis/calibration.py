"""Calibration: whether confidence matches accuracy, for the fused prediction and each modality.

The expected calibration error (Naeini et al., 2015; Guo et al., 2017): samples are put into bins by
their confidence, here the probability of the prediction, and ECE = Σ_b n_b / N |accuracy_b -
confidence_b|. With bins of equal width most samples may share one bin; with bins of equal mass each
holds about as many. Both are given. The estimate is biased upwards where bins hold few samples.

The prediction is the run's: the likeliest class, or with classes in order the median class, or of
two classes what a threshold decides. Its probability can then be less than that of another class;
if the probabilities are true, it is right just as often, by whichever rule it was chosen.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from g2d.analysis.collecting import Floats, collect_logits
from g2d.analysis.scores import predictions_of
from g2d.analysis.subject import Subject
from g2d.errors import UserError, require
from g2d.figures import blank, colours, known, legend_below, percent, save, without_box
from g2d.methods.validation import FUSED
from g2d.tasks import Classification, Task

BINS = 15
# Shares closer than this read the same.
_EQUAL = 0.0005


@dataclass(frozen=True)
class Bins:
    """Samples by their confidence; empty bins are left out.

    Attributes:
        count: Samples in each.
        confidence: Their mean confidence.
        accuracy: Share of them that is right.
    """

    count: Floats
    confidence: Floats
    accuracy: Floats

    @property
    def error(self) -> float:
        """The expected calibration error."""
        share = self.count / self.count.sum()
        return float((share * np.abs(self.accuracy - self.confidence)).sum())


def equal_width(confidence: Floats, right: Floats, bins: int = BINS) -> Bins:
    """Bins of equal width, (b/B, (b+1)/B].

    Args:
        confidence: `(N,)`, in [0, 1].
        right: `(N,)`, 1 where the prediction is right, else 0.
        bins: B.

    Example:
        >>> found = equal_width(np.array([0.9, 0.9, 0.6]), np.array([1.0, 0.0, 1.0]), 2)
        >>> round(found.error, 3)  # accuracy 2/3, confidence 0.8
        0.133
    """
    return _binned(confidence, right, np.linspace(0, 1, bins + 1))


def equal_mass(confidence: Floats, right: Floats) -> Bins:
    """At most `BINS` bins between quantiles of the confidence; equal confidences stay together.

    Args:
        confidence: `(N,)`, in [0, 1].
        right: `(N,)`, 1 where the prediction is right, else 0.
    """
    return _binned(confidence, right, np.quantile(confidence, np.linspace(0, 1, BINS + 1)))


def _binned(confidence: Floats, right: Floats, edges: Floats) -> Bins:
    place = np.searchsorted(edges[1:-1], confidence)
    size = len(edges) - 1
    count = np.bincount(place, minlength=size).astype(np.float64)
    there = count > 0
    sums = [np.bincount(place, values, minlength=size)[there] for values in (confidence, right)]
    return Bins(count[there], sums[0] / count[there], sums[1] / count[there])


@dataclass(frozen=True)
class Reliability:
    """The calibration of one prediction of one run.

    Attributes:
        label: The run.
        of: `"fused"` or a modality.
        accuracy: Share of right predictions.
        confidence: Mean probability of the class that is predicted.
        width: In bins of equal width.
        mass: In bins of equal mass.
        error: Standard error of the difference between accuracy and confidence.
    """

    label: str
    of: str
    accuracy: float
    confidence: float
    width: Bins
    mass: Bins
    error: float = 0.0

    @property
    def verdict(self) -> str:
        """Too sure or not sure enough; empty where the difference is within its error.

        Example:
            >>> bins = Bins(*map(np.array, ([4.0], [0.9], [0.5])))
            >>> Reliability("a", "fused", 0.5, 0.9, bins, bins, error=0.1).verdict
            'too sure'
            >>> Reliability("a", "fused", 0.5, 0.9, bins, bins, error=0.5).verdict
            ''
        """
        beyond = self.confidence - self.accuracy
        if abs(beyond) <= max(_EQUAL, self.error):
            return ""
        return "too sure" if beyond > 0 else "not sure enough"


@dataclass(frozen=True)
class Calibration:
    """Calibration of several runs.

    Attributes:
        split: Where it was measured.
        rows: By run, the fused prediction first.
    """

    split: str
    rows: tuple[Reliability, ...]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Accuracy, confidence and both errors in percent."""
        rows = []
        for row in self.rows:
            values = (row.accuracy, row.confidence, row.width.error, row.mass.error)
            rows.append([row.label, row.of, *(f"{100 * value:.1f}" for value in values)])
        return ["run", "of", "accuracy, %", "confidence, %", "ECE, %", "ECE equal mass, %"], rows

    def sentence(self) -> str:
        """Which predictions are too confident or not confident enough, beyond chance."""
        parts = []
        for row in self.rows:
            side = f": {row.verdict}" if row.verdict else ""
            parts.append(
                f"{row.label} {row.of} {percent(row.accuracy)} right, {percent(row.confidence)} "
                f"sure{side}, ECE {percent(row.width.error)}"
            )
        return f"On {self.split}, on average: {'; '.join(parts)}."

    def as_dict(self) -> dict[str, Any]:
        """Both errors and all bins, as plain values."""
        return {
            "split": self.split,
            "bins": BINS,
            "predictions": [
                {
                    "run": row.label,
                    "of": row.of,
                    "accuracy": known(row.accuracy),
                    "confidence": known(row.confidence),
                    "ece": known(row.width.error),
                    "ece_equal_mass": known(row.mass.error),
                    "equal_width": _bins_as_dict(row.width),
                    "equal_mass": _bins_as_dict(row.mass),
                }
                for row in self.rows
            ],
        }

    def plot(self, path: Path) -> Path:
        """Draws reliability diagrams, a panel for each prediction; dots grow with their bins."""
        require("matplotlib", "train")
        from matplotlib.lines import Line2D

        panels = list(dict.fromkeys(row.of for row in self.rows))
        colour_of = colours(row.label for row in self.rows)
        figure = blank(3.3 * len(panels) + 0.3, 4.4)
        axes = figure.subplots(1, len(panels), sharey=True, squeeze=False)[0]
        for axis, panel in zip(axes, panels, strict=True):
            axis.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle=":", zorder=0)
            for row in self.rows:
                if row.of != panel:
                    continue
                colour = colour_of[row.label]
                share = row.width.count / row.width.count.sum()
                axis.plot(row.width.confidence, row.width.accuracy, color=colour, linewidth=1)
                axis.scatter(
                    row.width.confidence,
                    row.width.accuracy,
                    s=12 + 200 * share,
                    color=colour,
                    alpha=0.7,
                    linewidth=0,
                )
            axis.set_title(panel, fontsize=11)
            axis.set_xlabel("confidence")
            axis.set_box_aspect(1)
            axis.set_xlim(-0.02, 1.02)
            axis.set_ylim(-0.02, 1.02)
            without_box(axis)
        axes[0].set_ylabel("share of right predictions")
        handles: dict[str, Any] = {
            label: Line2D([], [], color=shade, marker="o", linewidth=1)
            for label, shade in colour_of.items()
        }
        handles["as right as sure"] = Line2D([], [], color="0.6", linewidth=1, linestyle=":")
        legend_below(figure, handles, len(handles))
        return save(figure, path)


def calibration(subjects: Sequence[Subject], split: str = "test") -> Calibration:
    """Measures the calibration of the fused prediction and of the unimodal logits.

    Args:
        subjects: Runs of classification.
        split: On which split.

    Raises:
        UserError: A subject is no run of classification.
    """
    for subject in subjects:
        if not isinstance(subject.task, Classification):
            raise UserError(
                f"{subject.label} predicts {subject.task.describe()['kind']}; calibration is "
                "defined here for classification"
            )
    rows = []
    for subject in subjects:
        logits = collect_logits(subject, subject.batches(split), teachers=False)
        for name in (FUSED, *subject.modalities):
            if name not in logits.student:
                continue
            there = logits.having(name)
            if not there.any():
                continue
            sure, right = predicted_confidence(subject.task, logits.student[name], logits.target)
            sure, right = sure[there], right[there]
            rows.append(
                Reliability(
                    label=subject.label,
                    of=name,
                    accuracy=float(right.mean()),
                    confidence=float(sure.mean()),
                    width=equal_width(sure, right),
                    mass=equal_mass(sure, right),
                    error=float((right - sure).std() / np.sqrt(len(sure))),
                )
            )
    return Calibration(split, tuple(rows))


def predicted_confidence(task: Task, logits: Tensor, target: Tensor) -> tuple[Floats, Floats]:
    """Probability of the class that is predicted, `(N,)`, and whether it is the right one.

    Example:
        >>> ordered = Classification(["poor", "fair", "good"], selects="mae")
        >>> likely = torch.tensor([[0.4, 0.3, 0.3]]).log()
        >>> found = predicted_confidence(ordered, likely, torch.tensor([1]))
        >>> [value.round(2).tolist() for value in found]
        [[0.3], [1.0]]
    """
    predicted = torch.from_numpy(predictions_of(task, logits.numpy()))
    probability = logits.double().softmax(dim=1).gather(1, predicted[:, None]).squeeze(1)
    return probability.numpy(), (predicted == target).double().numpy()


def _bins_as_dict(bins: Bins) -> list[dict[str, Any]]:
    return [
        {"samples": int(count), "confidence": known(confidence), "accuracy": known(accuracy)}
        for count, confidence, accuracy in zip(
            bins.count, bins.confidence, bins.accuracy, strict=True
        )
    ]
