"""How much of the weak teacher's confidence the student has (Figure 6).

ratio = ρ_student^w / ρ_teacher^w, where ρ^w is the mean confidence in the right answer of the
weak modality w: of its unimodal logits inside the student, and of its teacher. The paper does not
say on which split, nor how w is chosen or the unimodal logits are scaled, so it is measured on
train, without augmentation, and on test; for the w of the teachers' confidence on that very split
and for that of the ranking a run was trained by; and for the head's logits as they are and divided
by the number of modalities k. Heads of late fusion are trained through their mean: the logits of
each are about k times what it adds to the fused logits.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.analysis.bootstrap import Measured, mean_of, measured, resampled_means
from g2d.analysis.collecting import Floats, SampleLogits, collect_logits
from g2d.analysis.intervals import resamples
from g2d.analysis.subject import Subject
from g2d.errors import UserError, require
from g2d.figures import blank, colours, known, legend_below, save, without_box
from g2d.functional.scores import rank
from g2d.teachers.confidence import speed_scores
from g2d.wording import listed

SPLITS = ("train", "test")
BY_CONFIDENCE = "teachers' confidence"


@dataclass(frozen=True)
class Ratio:
    """A bar of Figure 6: the confidence of student and teacher.

    Attributes:
        label: Whose student.
        split: Where it is measured.
        modality: The weak one.
        chosen_by: The confidence by which it is the weak one.
        student: Mean confidence of its unimodal logits.
        student_divided: The same of its logits divided by k.
        teacher: Mean confidence of its teacher on the same samples.
        ratio: Of student to teacher.
        ratio_divided: Of the divided logits to teacher.
    """

    label: str
    split: str
    modality: str
    chosen_by: tuple[str, ...]
    student: float
    student_divided: float
    teacher: float
    ratio: Measured
    ratio_divided: Measured


@dataclass(frozen=True)
class ConfidenceRatio:
    """The confidence ratios of several runs: Figure 6 of the paper.

    Attributes:
        bars: By split, then by subject.
        modalities: k of every subject.
    """

    bars: tuple[Ratio, ...]
    modalities: Mapping[str, int]

    def table(self) -> tuple[list[str], list[list[str]]]:
        """A table with a row for each bar."""
        rows = []
        for bar in self.bars:
            ratios = [ratio.text(2) for ratio in (bar.ratio, bar.ratio_divided)]
            rows.append([bar.split, bar.label, bar.modality, f"{bar.teacher:.3f}", *ratios])
        return ["on", "run", "weak", "teacher", "ratio [95 %]", "logits / k"], rows

    def sentence(self) -> str:
        """The ratio of every run, and by what the modality is weak."""
        parts = []
        for split, modality in dict.fromkeys((bar.split, bar.modality) for bar in self.bars):
            bars = [b for b in self.bars if (b.split, b.modality) == (split, modality)]
            ratios = ", ".join(f"{bar.label} {bar.ratio.value:.2f}" for bar in bars)
            why = listed(dict.fromkeys(by for bar in bars for by in bar.chosen_by))
            parts.append(f"on {split}, {modality} (weak by {why}): {ratios}")
        return (
            f"Confidence of the weak modality inside the student over its teacher's: "
            f"{'; '.join(parts)}. At 1 the student is as sure as the teacher; it may be surer."
        )

    def as_dict(self) -> dict[str, Any]:
        """Every number of the bars, as plain values."""
        return {
            "bars": [
                {
                    "run": bar.label,
                    "split": bar.split,
                    "weak": bar.modality,
                    "weak_by": list(bar.chosen_by),
                    "modalities": self.modalities[bar.label],
                    "student": known(bar.student),
                    "student_logits_over_k": known(bar.student_divided),
                    "teacher": known(bar.teacher),
                    "ratio": bar.ratio.as_dict(),
                    "ratio_logits_over_k": bar.ratio_divided.as_dict(),
                }
                for bar in self.bars
            ]
        }

    def plot(self, path: Path) -> Path:
        """Draws bars by run, a panel for each split, into a file."""
        require("matplotlib", "train")
        from matplotlib.lines import Line2D
        from matplotlib.patches import Patch

        splits = list(dict.fromkeys(bar.split for bar in self.bars))
        colour_of = colours(bar.label for bar in self.bars)
        figure = blank(3.9 * len(splits), 3.6)
        axes = figure.subplots(1, len(splits), sharey=True, squeeze=False)[0]
        for axis, split in zip(axes, splits, strict=True):
            bars = [bar for bar in self.bars if bar.split == split]
            groups = list(dict.fromkeys(bar.modality for bar in bars))
            width = 0.8 / len(colour_of)
            for bar in bars:
                shift = (list(colour_of).index(bar.label) - (len(colour_of) - 1) / 2) * width
                x = groups.index(bar.modality) + shift
                axis.bar(x, bar.ratio.value, 0.92 * width, color=colour_of[bar.label])
                for value, style in ((bar.ratio, "none"), (bar.ratio_divided, "D")):
                    axis.errorbar(
                        x if style == "none" else x + 0.2 * width,
                        value.value,
                        yerr=[
                            [max(value.value - value.low, 0)],
                            [max(value.high - value.value, 0)],
                        ],
                        fmt=style,
                        markersize=5,
                        markerfacecolor="white",
                        color="0.5",
                        capsize=2,
                        linewidth=1,
                    )
            axis.axhline(1, color="0.6", linewidth=1, linestyle=":", zorder=0)
            axis.set_xticks(range(len(groups)), groups)
            axis.set_xlim(-0.6, len(groups) - 0.4)
            axis.set_xlabel("weak modality")
            axis.set_title(split, fontsize=11)
            without_box(axis)
        axes[0].set_ylim(bottom=0)
        axes[0].set_ylabel("student over teacher")
        handles: dict[str, Any] = {label: Patch(color=shade) for label, shade in colour_of.items()}
        handles["logits / k"] = Line2D(
            [], [], color="0.5", marker="D", markerfacecolor="white", linestyle="none"
        )
        legend_below(figure, handles, len(handles))
        return save(figure, path)


def confidence_ratio(
    subjects: Sequence[Subject], splits: Sequence[str] = SPLITS
) -> ConfidenceRatio:
    """Measures the ratio of every subject.

    Args:
        subjects: Such as joint training and G²D with the same teachers; one that records no ranking
            of its own is also measured for that of another with the same teachers.
        splits: Where to measure.

    Raises:
        UserError: A subject has no teachers, or its fusion no unimodal logits of the modality.
    """
    for subject in subjects:
        if not subject.teachers:
            raise UserError(
                f"{subject.label} has no teachers to be compared with; train them with g2d teach, "
                "the run's recipe and the run's --out"
            )
    bars = []
    for split in splits:
        for subject in subjects:
            bars += _bars(subject, split, _recorded(subject, subjects))
    return ConfidenceRatio(tuple(bars), {s.label: len(s.modalities) for s in subjects})


def _bars(subject: Subject, split: str, recorded: Mapping[str, str]) -> list[Ratio]:
    collected = collect_logits(subject, subject.batches(split))
    task = subject.task
    taught = {m: collected.confidence(task, m, logits) for m, logits in collected.teachers.items()}
    draws = resamples(len(collected.target))
    means = {m: mean_of(values, draws).value for m, values in taught.items()}
    # A modality that no sample of this split has is not weak, as in Eq. 5.
    there = {m: mean for m, mean in means.items() if np.isfinite(mean)}
    reasons: dict[str, list[str]] = {rank(there)[0]: [BY_CONFIDENCE]}
    for by, modality in recorded.items():
        if modality in there:
            reasons.setdefault(modality, []).append(by)
    return [
        _ratio(subject, split, collected, modality, tuple(why), taught[modality], draws)
        for modality, why in reasons.items()
    ]


def _ratio(
    subject: Subject,
    split: str,
    collected: SampleLogits,
    weak: str,
    chosen_by: tuple[str, ...],
    taught: Floats,
    draws: Floats,
) -> Ratio:
    if weak not in collected.student:
        raise UserError(
            f"{subject.label}: {type(subject.model.fusion).__name__} has no unimodal logits of "
            f"{weak!r}"
        )
    logits = collected.student[weak]
    teacher = mean_of(taught, draws)
    below = resampled_means(taught, draws)
    found = []
    for scale in (1, len(subject.modalities)):
        values = collected.confidence(subject.task, weak, logits / scale)
        mean = mean_of(values, draws).value
        ratio = measured(mean / teacher.value, resampled_means(values, draws) / below)
        found.append((mean, ratio))
    (whole, ratio), (divided, ratio_divided) = found
    return Ratio(
        label=subject.label,
        split=split,
        modality=weak,
        chosen_by=chosen_by,
        student=whole,
        student_divided=divided,
        teacher=teacher.value,
        ratio=ratio,
        ratio_divided=ratio_divided,
    )


def _recorded(subject: Subject, others: Sequence[Subject]) -> dict[str, str]:
    """The weakest modality of the rankings recorded by runs with these teachers, by their words."""
    found: dict[str, str] = {}
    for other in (subject, *others):
        same = other.teacher_folders == subject.teacher_folders
        if other.run is None or not (other is subject or (same and other.teacher_folders)):
            continue
        by = other.run.about["method"].get("rank_by")
        scores = other.run.result.get("teachers", {})
        if isinstance(by, list):
            found.setdefault("the given order", by[0])
        elif by == "speed" and by in scores:
            ties = speed_scores(scores["speed"], scores["confidence"]["heldout"])
            found.setdefault("the ranking by learning speed", rank(ties)[0])
        elif by in ("heldout", "train", "train_batch"):
            key = by.removesuffix("_batch")
            found.setdefault(f"the ranking by {by}", rank(scores["confidence"][key])[0])
    return found
