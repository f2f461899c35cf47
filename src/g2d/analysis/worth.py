"""The worth of a modality to a model, measured in four ways for four questions.

| way | question |
|---|---|
| head | how right are the modality's unimodal logits? |
| ablation | how much is lost where its features are replaced by their mean over train? |
| shapley | its share of the score, over all orders in which modalities could come |
| probe | how right is the best linear reading of its features, whatever the fusion makes of them? |

Scores are those of `score_samples`. A modality that
the fusion ignores can have a good probe and no Shapley value; one that only repeats another loses
nothing by ablation and has a Shapley value still.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.analysis.attribution import coalition_scores, mean_inputs, shapley
from g2d.analysis.bootstrap import Measured, mean_of
from g2d.analysis.collecting import Floats, SampleLogits, collect_logits
from g2d.analysis.features import student_features
from g2d.analysis.intervals import resamples
from g2d.analysis.probe import linear_probe
from g2d.analysis.scores import score_name, score_samples
from g2d.analysis.subject import Subject
from g2d.errors import UserError, require
from g2d.figures import blank, colours, known, labelled, legend_below, save, without_box

WAYS = {
    "head": "alone, by its unimodal logits",
    "ablation": "lost without it",
    "shapley": "Shapley value",
    "probe": "linear probe",
}


@dataclass(frozen=True)
class Worth:
    """The worth of one modality in one run.

    Attributes:
        label: The run.
        modality: Which.
        by: The result of each way of `WAYS`; a fusion without unimodal logits of the modality has
            no `head`.
        strength: The probe's inverse penalty, chosen on validation.
    """

    label: str
    modality: str
    by: Mapping[str, Measured]
    strength: float


@dataclass(frozen=True)
class Attributions:
    """The worth of every modality in several runs.

    Attributes:
        split: Where the score was measured.
        score: What the score is.
        fused: The fused prediction's, by run.
        rows: By run and modality.
    """

    split: str
    score: str
    fused: Mapping[str, Measured]
    rows: tuple[Worth, ...]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """The four ways side by side, in hundredths."""
        rows = []
        for label, fused in self.fused.items():
            rows.append([label, "fused", _hundredths(fused), *["-"] * (len(WAYS) - 1)])
            for row in self.rows:
                if row.label == label:
                    cells = [_hundredths(row.by[way]) if way in row.by else "-" for way in WAYS]
                    rows.append([label, row.modality, *cells])
        return ["run", "of", *WAYS], rows

    def sentence(self) -> str:
        """The modality that is worth most by each way, run by run."""
        parts = []
        for label in self.fused:
            own = [row for row in self.rows if row.label == label]
            most: dict[str, list[str]] = {}
            for way in WAYS:
                values = {row.modality: row.by[way].value for row in own if way in row.by}
                if values:
                    best = max(values, key=lambda name: values[name])
                    most.setdefault(best, []).append(way)
            named = ", ".join(f"{name} (by {', '.join(ways)})" for name, ways in most.items())
            parts.append(f"in {label} {named}")
        return (
            f"Worth most to the {self.score} on {self.split}: {'; '.join(parts)}. Means and probes "
            "are fitted on train, the probe's penalty is chosen on validation."
        )

    def as_dict(self) -> dict[str, Any]:
        """Every number with its interval over samples."""
        return {
            "split": self.split,
            "score": self.score,
            "fused": {label: value.as_dict() for label, value in self.fused.items()},
            "modalities": [
                {
                    "run": row.label,
                    "modality": row.modality,
                    **{way: value.as_dict() for way, value in row.by.items()},
                    "probe_inverse_penalty": known(row.strength),
                }
                for row in self.rows
            ],
        }

    def plot(self, path: Path) -> Path:
        """Draws a panel for each way, with 95 % intervals over samples."""
        ways = [way for way in WAYS if any(way in row.by for row in self.rows)]
        names = list(dict.fromkeys(row.modality for row in self.rows))
        colour_of = colours(self.fused)
        height = 1.3 + 0.32 * len(names) * (1 + len(colour_of))
        figure = blank(2.9 * len(ways), height)
        axes = figure.subplots(1, len(ways), sharex=True, sharey=True, squeeze=False)[0]
        thick = 0.8 / len(colour_of)
        for axis, way in zip(axes, ways, strict=True):
            for row in self.rows:
                if way not in row.by:
                    continue
                value = row.by[way]
                shift = (list(colour_of).index(row.label) - (len(colour_of) - 1) / 2) * thick
                low, high = value.value - value.low, value.high - value.value
                axis.barh(
                    names.index(row.modality) + shift,
                    value.value,
                    0.92 * thick,
                    xerr=[[max(low, 0)], [max(high, 0)]],
                    error_kw={"elinewidth": 1, "capsize": 2, "ecolor": "0.5"},
                    color=colour_of[row.label],
                    label=row.label,
                )
            axis.axvline(0, color="0.6", linewidth=1)
            axis.set_title(WAYS[way], fontsize=11)
            axis.set_xlabel(self.score)
            without_box(axis)
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        shown = labelled(axes)
        legend_below(figure, shown, len(shown))
        return save(figure, path)


def worth(subjects: Sequence[Subject], split: str = "test") -> Attributions:
    """Measures every modality of every subject in the four ways.

    Args:
        subjects: Of one kind of target.
        split: Held-out samples on which the score is taken; not `val`, on which the probe's penalty
            is chosen.

    Raises:
        UserError: scikit-learn is not installed, the split is `val`, the subjects are scored in
            different ways, or one has more than 12 modalities.
    """
    if split == "val":
        raise UserError(
            "got split 'val', on which the probe's penalty is chosen, so its scores there would "
            "flatter it; expected test"
        )
    require("sklearn", "sklearn")
    scored = {score_name(subject.task): subject.label for subject in subjects}
    if len(scored) > 1:
        listing = ", ".join(f"{label} by {score}" for score, label in scored.items())
        raise UserError(f"these runs are scored in different ways ({listing}); ask for them apart")
    fused, rows = {}, []
    for subject in subjects:
        means = mean_inputs(subject.model, subject.batches("train"))
        logits = collect_logits(subject, subject.batches(split), teachers=False)
        draws = resamples(len(logits.target))
        scores = coalition_scores(subject.model, subject.batches(split), subject.task, means)
        everyone = frozenset(subject.modalities)
        fused[subject.label] = mean_of(scores[everyone], draws)
        shares = shapley(scores, subject.modalities).by_sample
        train, val, test = (
            student_features(subject.model, subject.batches(name))
            for name in ("train", "val", split)
        )
        for name in subject.modalities:
            probe = linear_probe(subject.task, name, train, val, test)
            by_sample = {
                **_head(subject, logits, name),
                "ablation": scores[everyone] - scores[everyone - {name}],
                "shapley": shares[name],
                "probe": probe.by_sample,
            }
            by = {way: mean_of(values, draws) for way, values in by_sample.items()}
            rows.append(Worth(subject.label, name, by, probe.strength))
    return Attributions(split, next(iter(scored)), fused, tuple(rows))


def _head(subject: Subject, logits: SampleLogits, name: str) -> dict[str, Floats]:
    """Scores of the unimodal logits where the modality is present; empty without such logits."""
    if name not in logits.student:
        return {}
    there = logits.having(name)
    found = np.full(len(there), np.nan)
    found[there] = score_samples(subject.task, logits.student[name][there], logits.target[there])
    return {"head": found}


def _hundredths(value: Measured) -> str:
    return value.around(1, scale=100)
