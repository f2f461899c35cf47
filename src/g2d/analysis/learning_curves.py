"""Who learns when: validation accuracy of every modality over the epochs (Figure 1)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from g2d.engine.evaluate import FUSED
from g2d.engine.records import RunFolder
from g2d.errors import require
from g2d.tasks import task_from


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
        """What stands beside the vertical axis.

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
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
        from matplotlib.lines import Line2D
        from matplotlib.ticker import MaxNLocator, PercentFormatter

        figure = Figure(figsize=(3.6 * len(self.panels), 3.4), layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, len(self.panels), sharey=True, squeeze=False)[0]
        colours = _colours(self.curves)
        for axis, panel in zip(axes, self.panels, strict=True):
            for boundary in self.boundaries:
                axis.axvline(boundary + 0.5, color="0.6", linewidth=1, linestyle=":", zorder=0)
            for curve in self.curves:
                if curve.panel != panel:
                    continue
                epochs = range(1, len(curve.values) + 1)
                style = "--" if curve.teacher else "-"
                # A line through one point cannot be seen.
                marker = "o" if len(curve.values) == 1 else ""
                axis.plot(
                    epochs,
                    curve.values,
                    style,
                    marker=marker,
                    color=colours[curve.label],
                    label=curve.label,
                )
            axis.set_title(panel, fontsize=11)
            axis.set_xlabel("epoch")
            axis.xaxis.set_major_locator(MaxNLocator(integer=True))
            axis.grid(axis="y", color="0.9", linewidth=0.8)
            axis.spines[["top", "right"]].set_visible(False)
        if self.metric == "accuracy":
            axes[0].yaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
        if not self.higher_is_better:
            axes[0].set_ylim(bottom=0)  # how far an error still is from none
        axes[0].set_ylabel(self.label)
        handles: dict[str, Any] = {}
        if self.boundaries:
            handles["end of a stage"] = Line2D([], [], color="0.6", linewidth=1, linestyle=":")
        for axis in axes:
            for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
                handles.setdefault(label, handle)
        figure.legend(
            list(handles.values()),
            list(handles),
            loc="outside lower center",
            ncols=len(handles),
            frameon=False,
        )
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, dpi=150)
        return path


def learning_curves(folders: Sequence[Path], out: Path | None = None) -> LearningCurves:
    """Reads the curves of runs and of their teachers.

    Args:
        folders: Finished student runs on one dataset.
        out: The folder that the runs name their teachers relative to; the runs' own parent when
            not given.
    """
    curves: list[Curve] = []
    panels: dict[str, None] = {}
    boundaries: tuple[int, ...] = ()
    metric, higher_is_better = "", True
    taught: set[str] = set()
    for folder in folders:
        run = RunFolder(folder)
        about, result, epochs = (
            run.read_json("run.json"),
            run.read_json("result.json"),
            run.epochs(),
        )
        if not metric:
            task = task_from(run.read_json("model.json")["task"])
            metric, higher_is_better = task.metric, task.higher_is_better
        for name, place in result.get("teachers", {}).get("folders", {}).items():
            lines = RunFolder((out or folder.parent) / place).epochs()
            if name not in taught and lines:
                taught.add(name)
                values = tuple(line["val"][metric][FUSED] for line in lines)
                curves.append(Curve("teacher alone", name, values, teacher=True))
        if not epochs:
            continue
        for name in epochs[0]["val"][metric]:
            panels.setdefault(name)
            values = tuple(line["val"][metric].get(name, float("nan")) for line in epochs)
            curves.append(Curve(result["method"], name, values))
        boundaries = boundaries or _boundaries(about["method"].get("schedule"))
    order = tuple(name for name in panels if name != FUSED) + ((FUSED,) if FUSED in panels else ())
    shown = tuple(curve for curve in curves if curve.panel in order)
    return LearningCurves(metric, order, shown, boundaries, higher_is_better)


def _boundaries(tau: list[int] | None) -> tuple[int, ...]:
    if not tau:
        return ()
    from g2d.methods.schedule import Schedule

    return Schedule(tuple(tau)).boundaries


def _colours(curves: Sequence[Curve]) -> dict[str, str]:
    """One colour a label, distinguishable in grey and to the colour-blind (Okabe and Ito)."""
    palette = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9"]
    labels = dict.fromkeys(curve.label for curve in curves if not curve.teacher)
    colours = {label: palette[i % len(palette)] for i, label in enumerate(labels)}
    colours["teacher alone"] = "#444444"
    return colours
