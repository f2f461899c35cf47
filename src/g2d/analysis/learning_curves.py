"""Learning curves: validation accuracy of every modality over the epochs (Figure 1).

The paper draws the test split. It is read once here, after training, so the records have curves of
validation only.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from g2d.analysis.subject import Subject
from g2d.errors import UserError, require
from g2d.figures import (
    INK,
    blank,
    colours,
    known,
    labelled,
    legend_below,
    percent,
    save,
    without_box,
)
from g2d.methods.schedule import Schedule
from g2d.methods.validation import FUSED
from g2d.runs.run import Run
from g2d.tasks import task_from
from g2d.wording import listed

# Panels; on a page more would be too small to read.
_IN_A_ROW = 3


@dataclass(frozen=True)
class Curve:
    """The validation metric of one run over its epochs.

    Attributes:
        label: Whose it is.
        panel: The modality, or `"fused"`.
        values: One an epoch.
        teacher: Whether this is a unimodal teacher.
    """

    label: str
    panel: str
    values: tuple[float, ...]
    teacher: bool = False


@dataclass(frozen=True)
class LearningCurves:
    """Figure 1 of the paper: one panel a modality and one for the fused prediction.

    Attributes:
        metric: What is plotted.
        panels: The modalities in order, then `"fused"`.
        curves: All curves.
        boundaries: Epochs at which a stage of prioritization ends.
        higher_is_better: Whether the metric grows with quality; else it is an error.
    """

    metric: str
    panels: tuple[str, ...]
    curves: tuple[Curve, ...]
    boundaries: tuple[int, ...] = field(default=())
    higher_is_better: bool = True

    @property
    def label(self) -> str:
        """The label of the vertical axis.

        Example:
            >>> LearningCurves("rmse", ("fused",), (), higher_is_better=False).label
            'validation RMSE (lower is better)'
        """
        if self.higher_is_better:
            return f"validation {self.metric}"
        return f"validation {self.metric.upper()} (lower is better)"

    def plot(self, path: Path) -> Path:
        """Draws the figure into a file."""
        require("matplotlib", "train")
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        rows = math.ceil(len(self.panels) / _IN_A_ROW)
        columns = math.ceil(len(self.panels) / rows)
        figure = blank(3.6 * columns, 3.0 * rows + 0.4)
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        axes = grid.flatten()[: len(self.panels)]
        for unused in grid.flatten()[len(self.panels) :]:
            unused.remove()
        colour_of = colours(curve.label for curve in self.curves if not curve.teacher)
        for axis, panel in zip(axes, self.panels, strict=True):
            for boundary in self.boundaries:
                axis.axvline(boundary + 0.5, color="0.6", linewidth=1, linestyle=":", zorder=0)
            for curve in self.curves:
                if curve.panel != panel:
                    continue
                axis.plot(
                    range(1, len(curve.values) + 1),
                    curve.values,
                    "--" if curve.teacher else "-",
                    # A line through one point cannot be seen.
                    marker="o" if len(curve.values) == 1 else "",
                    color=INK if curve.teacher else colour_of[curve.label],
                    label=curve.label,
                )
            axis.set_title(panel, fontsize=11)
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.grid(axis="y", color="0.9", linewidth=0.8)
            without_box(axis)
        if self.metric == "accuracy":
            axes[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        if not self.higher_is_better:
            axes[0].set_ylim(bottom=0)  # how far an error still is from none
        for axis in grid[:, 0]:
            axis.set_ylabel(self.label)
        handles: dict[str, Any] = {}
        if self.boundaries:
            handles["end of a stage"] = Line2D([], [], color="0.6", linewidth=1, linestyle=":")
        handles |= labelled(axes)
        legend_below(figure, handles, len(handles))
        return save(figure, path)

    def table(self) -> tuple[list[str], list[list[str]]]:
        """Best and last value of every curve."""
        rows = []
        for curve in self.curves:
            place, best = self._best(curve)
            last = curve.values[-1] if curve.values else math.nan
            cells = [self._text(value).removesuffix(" %") for value in (best, last)]
            rows.append([curve.label, curve.panel, cells[0], str(place), cells[1]])
        what = "accuracy, %" if self.metric == "accuracy" else self.metric
        return ["run", "of", f"best {what}", "in epoch", "last"], rows

    def sentence(self) -> str:
        """The best score of every run, and on which split."""
        parts = []
        for label in dict.fromkeys(curve.label for curve in self.curves):
            reached = [
                f"{curve.panel} {self._text(self._best(curve)[1])}"
                for curve in self.curves
                if curve.label == label
            ]
            parts.append(f"{label}: {', '.join(reached)}")
        what = self.metric if self.higher_is_better else self.metric.upper()
        text = f"Best validation {what} over the epochs: {'; '.join(parts)}."
        if self.boundaries:
            ends = listed(str(boundary) for boundary in self.boundaries)
            text += f" Stages end after epoch {ends}."
        return f"{text} Test is read once, after training, so there is no curve of it."

    def as_dict(self) -> dict[str, Any]:
        """Every value of every curve, as plain values."""
        return {
            "split": "val",
            "metric": self.metric,
            "higher_is_better": self.higher_is_better,
            "stages_end_after": list(self.boundaries),
            "curves": [
                {
                    "run": curve.label,
                    "of": curve.panel,
                    "teacher": curve.teacher,
                    "values": [known(value) for value in curve.values],
                }
                for curve in self.curves
            ],
        }

    def _best(self, curve: Curve) -> tuple[int, float]:
        """The epoch, from 1 on, and its value."""
        sign = 1 if self.higher_is_better else -1
        pairs = [(sign * v, -epoch) for epoch, v in enumerate(curve.values, 1) if v == v]
        if not pairs:
            return 0, math.nan
        best, epoch = max(pairs)
        return -epoch, sign * best

    def _text(self, value: float) -> str:
        if not math.isfinite(value):
            return "-"
        return percent(value) if self.metric == "accuracy" else f"{value:.4g}"


def learning_curves(folders: Sequence[Path], out: Path | None = None) -> LearningCurves:
    """Reads the curves of runs and of their teachers.

    Args:
        folders: Finished student runs on one dataset.
        out: The folder that the runs name their teachers relative to; the runs' own parent when
            not given.
    """
    runs = [Run(folder, out=out) for folder in folders]
    return _read([(run.result["method"], run, run.own_teachers) for run in runs])


def subjects_curves(subjects: Sequence[Subject]) -> LearningCurves:
    """The learning curves of opened runs, under their labels.

    Raises:
        UserError: A subject comes from no run folder, or none of them was trained.
    """
    sources = []
    for subject in subjects:
        if subject.run is None:
            raise UserError(f"{subject.label} has no run folder, and so no records of its training")
        taught = {name: Run(place) for name, place in subject.teacher_folders.items()}
        sources.append((subject.label, subject.run, taught))
    found = _read(sources)
    if not found.curves:
        raise UserError("there are no curves: none of these runs trained a student")
    return found


def _read(sources: Sequence[tuple[str, Run, Mapping[str, Run]]]) -> LearningCurves:
    """From labels, runs, and those of their teachers."""
    curves: list[Curve] = []
    panels: dict[str, None] = {}
    boundaries: set[int] = set()
    metric, higher_is_better = "", True
    taught: set[Path] = set()
    for label, run, teachers in sources:
        epochs = run.epochs
        task = task_from(run.description["task"])
        if metric and task.metric != metric:
            raise UserError(
                f"{label} is measured by {task.metric} and a run before it by {metric}; draw runs "
                "on one kind of target"
            )
        metric, higher_is_better = task.metric, task.higher_is_better
        for name, teacher in teachers.items():
            lines = teacher.epochs
            if teacher.path not in taught and lines:
                taught.add(teacher.path)
                values = tuple(line["val"][metric][FUSED] for line in lines)
                curves.append(Curve("teacher alone", name, values, teacher=True))
        if not epochs:
            continue
        for name in epochs[0]["val"][metric]:
            panels.setdefault(name)
            values = tuple(line["val"][metric].get(name, math.nan) for line in epochs)
            curves.append(Curve(label, name, values))
        boundaries |= set(_boundaries(run.about["method"].get("schedule")))
    order = tuple(name for name in panels if name != FUSED) + ((FUSED,) if FUSED in panels else ())
    shown = tuple(curve for curve in curves if curve.panel in order)
    return LearningCurves(metric, order, shown, tuple(sorted(boundaries)), higher_is_better)


def _boundaries(tau: list[int] | None) -> tuple[int, ...]:
    return Schedule(tuple(tau)).boundaries if tau else ()
