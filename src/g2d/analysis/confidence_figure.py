"""Figure 3 drawn: the views of the data, and each teacher's own training."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.analysis.teacher_confidence import HELDOUT, VIEWS, Teachers
from g2d.errors import require
from g2d.figures import INK, blank, colours, labelled, legend_below, save, without_box

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def draw(cases: Sequence[Teachers], path: Path) -> Path:
    """Draws a row for each set of teachers: left the views, right the epochs of their training.

    Args:
        cases: The rows.
        path: Where to.
    """
    require("matplotlib", "train")
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    wide = any(case.memory for case in cases)
    figure = blank(9.2 if wide else 5.0, 0.7 + 3.0 * len(cases))
    axes = figure.subplots(len(cases), 2 if wide else 1, squeeze=False)
    colour_of = colours(name for case in cases for name in case.confidence[HELDOUT])
    for row, case in zip(axes, cases, strict=True):
        _views(row[0], case, colour_of)
        row[0].set_title(f"teachers of {case.label}", fontsize=11)
        if wide:
            _training(row[1], case, colour_of)
            row[1].set_title("over their own training", fontsize=11)
        for axis in row:
            axis.set_ylim(0, 1)
            axis.axhline(case.chance, color="0.6", linewidth=1, linestyle=":", zorder=0)
            axis.grid(axis="y", color="0.9", linewidth=0.8)
            axis.set_axisbelow(True)
            without_box(axis)
    handles: dict[str, Any] = labelled(axes.flat)
    handles["5-95 % of batches"] = Patch(color="0.6", alpha=0.4)
    if wide:
        handles["held out"] = Line2D([], [], color=INK)
        handles["train: exp(-loss)"] = Line2D([], [], color=INK, linestyle="--")
    handles["guessing"] = Line2D([], [], color="0.6", linewidth=1, linestyle=":")
    legend_below(figure, handles, len(handles) if wide else 2)
    return save(figure, path)


def _views(axis: Axes, case: Teachers, colour_of: Mapping[str, str]) -> None:
    names = list(case.confidence[HELDOUT])
    for place, name in enumerate(names):
        shift = (place - (len(names) - 1) / 2) * 0.7 / max(len(names), 2)
        for number, view in enumerate(VIEWS):
            found = case.confidence[view][name]
            low, high = found.band
            x = number + shift
            axis.vlines(x, low, high, color=colour_of[name], linewidth=9, alpha=0.3)
            mean = found.mean
            axis.errorbar(
                x,
                mean.value,
                yerr=[[max(mean.value - mean.low, 0)], [max(mean.high - mean.value, 0)]],
                fmt="o",
                markersize=4.5,
                capsize=3,
                linewidth=1.2,
                color=colour_of[name],
                label=name if number == 0 else None,
            )
    axis.set_xticks(range(len(VIEWS)), [view.replace("train ", "train\n") for view in VIEWS])
    axis.set_xlim(-0.6, len(VIEWS) - 0.4)
    axis.set_ylabel("confidence in the right answer")


def _training(axis: Axes, case: Teachers, colour_of: Mapping[str, str]) -> None:
    from matplotlib.ticker import MaxNLocator

    for name, memory in case.memory.items():
        for values, style in ((memory.heldout, "-"), (memory.train, "--")):
            marker = "o" if len(values) == 1 else ""
            epochs = range(1, len(values) + 1)
            axis.plot(epochs, values, style, marker=marker, color=colour_of[name])
    axis.set_xlabel("epoch of the teacher")
    axis.xaxis.set_major_locator(MaxNLocator(integer=True))
