"""How far the modalities lie apart in one feature space (Figure 4)."""

from __future__ import annotations

import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.analysis.features import Features, Floats, student_features, unit
from g2d.analysis.projection import How, project
from g2d.analysis.subject import Subject
from g2d.errors import UserError, require
from g2d.figures import blank, colours, known, legend_below, percent, save, without_box
from g2d.wording import listed

# Of the samples that a classifier learns from, of the folds, and the paper's seed.
_LEARNT, _FOLDS, _SEED = 2000, 5, 999


@dataclass(frozen=True)
class Gap:
    """Two modalities of one run; features are scaled to length 1.

    Attributes:
        label: The run.
        pair: The modalities.
        samples: That have every modality.
        gap: ‖mean(f_a) - mean(f_b)‖₂, from 0 to 2.
        relative: The gap over the mean distance of a feature to the centroid of its modality.
        matched: Mean cosine of the two features of one sample.
        random: Mean cosine of features of two different samples.
        told_apart: Accuracy of a linear classifier of modalities, over 5 folds; 0.5 is guessing.
    """

    label: str
    pair: tuple[str, str]
    samples: int
    gap: float
    relative: float
    matched: float
    random: float
    told_apart: float


@dataclass(frozen=True)
class ModalityGap:
    """Figure 4 of the paper: one panel a run, the same samples in each.

    Attributes:
        gaps: One a run and pair of modalities.
        points: `(N, 2)` by run and modality.
        projection: How they came on paper: of all modalities of a run together.
        split: Which samples.
    """

    gaps: tuple[Gap, ...]
    points: Mapping[str, Mapping[str, Floats]]
    projection: How
    split: str

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A table with a row for each run and pair."""
        head = ["run", "modalities", "gap", "gap / spread", "cosine of pairs", "at random"]
        rows = [
            [
                one.label,
                listed(one.pair),
                f"{one.gap:.3f}",
                f"{one.relative:.3f}",
                f"{one.matched:.3f}",
                f"{one.random:.3f}",
                percent(one.told_apart),
                str(one.samples),
            ]
            for one in self.gaps
        ]
        return [*head, "told apart", "samples"], rows

    def sentence(self) -> str:
        """The gaps, and what the picture can and cannot show."""
        parts = []
        for pair in dict.fromkeys(one.pair for one in self.gaps):
            gaps = ", ".join(
                f"{one.gap:.2f} in {one.label} ({one.relative:.2f} of the spread; a linear "
                f"classifier tells them apart in {percent(one.told_apart)})"
                for one in self.gaps
                if one.pair == pair
            )
            parts.append(f"The centroids of {listed(pair)} lie apart by {gaps}.")
        picture = {
            "pca": "The picture is a PCA of all modalities of a run together, with the same axes "
            "in all panels",
            "tsne": "The picture is a t-SNE of all modalities of a run together: it keeps "
            "neighbours, and distances between clouds mean nothing",
        }[self.projection]
        return (
            f"{' '.join(parts)} Features of the {self.split} split, each of length 1. {picture}. "
            "Every run has a feature space of its own, so only the numbers can be compared."
        )

    def as_dict(self) -> dict[str, Any]:
        """The numbers of every gap, and the points of the picture."""
        numbers = ("gap", "relative", "matched", "random", "told_apart")
        gaps = [
            {**asdict(one), "pair": list(one.pair), **{n: known(getattr(one, n)) for n in numbers}}
            for one in self.gaps
        ]
        points = {
            label: {name: np.round(rows, 4).tolist() for name, rows in panel.items()}
            for label, panel in self.points.items()
        }
        return {
            "split": self.split,
            "projection": self.projection,
            "gaps": gaps,
            "points": points,
        }

    def plot(self, path: Path) -> Path:
        """Draws the panels into a file."""
        require("matplotlib", "train")
        from matplotlib.ticker import MaxNLocator

        # Square panels below their titles and above the legend.
        figure = blank(3.4 * len(self.points), 4.3)
        axes = figure.subplots(1, len(self.points), squeeze=False)[0]
        colour_of = colours(name for panel in self.points.values() for name in panel)
        far = max(np.abs(rows).max() for panel in self.points.values() for rows in panel.values())
        for axis, (label, panel) in zip(axes, self.points.items(), strict=True):
            for name, rows in panel.items():
                axis.scatter(
                    rows[:, 0], rows[:, 1], s=9, alpha=0.6, linewidths=0, color=colour_of[name]
                )
            axis.set_title(label, fontsize=11)
            axis.set_aspect("equal", adjustable="box" if self.projection == "pca" else "datalim")
            if self.projection == "pca":
                axis.set_xlim(-1.08 * far, 1.08 * far)
                axis.set_ylim(-1.08 * far, 1.08 * far)
                axis.xaxis.set_major_locator(MaxNLocator(5))
                axis.yaxis.set_major_locator(MaxNLocator(5))
            else:
                axis.set_xticks([])
                axis.set_yticks([])
            without_box(axis)
        for axis in axes[1:]:
            axis.tick_params(labelleft=False)
        dots = {name: axes[0].scatter([], [], s=30, color=c) for name, c in colour_of.items()}
        legend_below(figure, dots, len(dots))
        return save(figure, path)


def modality_gap(
    subjects: Sequence[Subject],
    split: str = "test",
    projection: How = "pca",
    samples: int = 500,
) -> ModalityGap:
    """The distance between modalities in the feature space of every run (Liang et al., 2022).

    Args:
        subjects: Runs on one dataset.
        split: Whose samples; those that lack a modality are left out.
        projection: `pca`, or `tsne`, for which scikit-learn must be installed.
        samples: How many of them the picture shows.

    Raises:
        UserError: The features of two modalities differ in width, the runs do not have the same
            samples, or fewer than 10 of them have every modality.
    """
    if not subjects:
        raise UserError("got no runs to take features of; give one or more")
    require("sklearn", "sklearn")
    gaps: list[Gap] = []
    points: dict[str, dict[str, Floats]] = {}
    index: NDArray[np.int64] | None = None
    for subject in subjects:
        features = student_features(subject.model, subject.batches(split))
        rows = _comparable(subject.label, features)
        own = features.index[features.complete]
        if index is not None and not np.array_equal(index, own):
            raise UserError(
                f"{subject.label} has other samples in its {split} split than the run before it; "
                "compare runs on the same data"
            )
        index = own
        gaps += [_gap(subject.label, (a, b), rows[a], rows[b]) for a, b in combinations(rows, 2)]
        shown = _drawn(len(own), samples)
        seen = project(np.concatenate([rows[name][shown] for name in rows]), projection)
        points[subject.label] = dict(zip(rows, np.split(seen, len(rows)), strict=True))
    return ModalityGap(tuple(gaps), points, projection, split)


def _comparable(label: str, features: Features) -> dict[str, Floats]:
    """Unit vectors of the samples that have every modality."""
    widths = {name: rows.shape[1] for name, rows in features.of.items()}
    if len(set(widths.values())) > 1:
        raise UserError(
            f"the features of {label} are as wide as {widths}, and points of different spaces have "
            "no distance; train with encoders of the same width"
        )
    there = features.complete
    if there.sum() < 2 * _FOLDS:
        raise UserError(
            f"{there.sum()} samples of {label} have every modality, expected {2 * _FOLDS} or more"
        )
    return {name: unit(rows[there]) for name, rows in features.of.items()}


def _gap(label: str, pair: tuple[str, str], a: Floats, b: Floats) -> Gap:
    count = len(a)
    means = a.mean(axis=0), b.mean(axis=0)
    gap = float(np.linalg.norm(means[0] - means[1]))
    spread = [np.linalg.norm(rows - mean, axis=1) for rows, mean in zip((a, b), means, strict=True)]
    within = float(np.mean(spread))
    matched = (a * b).sum(axis=1)
    # of all pairs of different samples: Σ_i Σ_j a_i·b_j, less the pairs of one
    random = (a.sum(axis=0) @ b.sum(axis=0) - matched.sum()) / (count * (count - 1))
    return Gap(
        label,
        pair,
        count,
        gap,
        gap / within if within > 0 else math.nan,
        float(matched.mean()),
        float(random),
        _told_apart(a, b),
    )


def _told_apart(a: Floats, b: Floats) -> float:
    """Held-out accuracy of logistic regression; both features of a sample are in one fold."""
    linear = require("sklearn.linear_model", "sklearn")
    folds = np.random.default_rng(_SEED).permutation(min(len(a), _LEARNT)) % _FOLDS
    chosen = _drawn(len(a), _LEARNT)
    a, b = a[chosen], b[chosen]
    right = []
    for fold in range(_FOLDS):
        held = folds == fold
        points = np.concatenate([a[~held], b[~held]])
        label = np.repeat([0, 1], (~held).sum())
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # one that has not converged tells them apart well enough
            learnt = linear.LogisticRegression(max_iter=1000).fit(points, label)
        right += [learnt.predict(a[held]) == 0, learnt.predict(b[held]) == 1]
    return float(np.concatenate(right).mean())


def _drawn(count: int, most: int) -> NDArray[np.int64]:
    """The same rows for the same count, in order."""
    rows = np.random.default_rng(_SEED).permutation(count)[:most]
    return np.sort(rows)
