"""The epochs of a check-up drawn: a panel for each quantity, a colour for each modality."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from g2d.figures import INK, blank, colours, legend_below, save, without_box

Records = Sequence[Mapping[str, float]]


def draw(records: Records, modalities: Sequence[str], metric: str, path: Path) -> Path:
    """Draws into a file, in the format of its ending.

    Args:
        records: Of all epochs.
        modalities: Their names.
        metric: Of the task.
        path: Where to.
    """
    figure = blank(7.6, 5.6)
    from matplotlib.lines import Line2D
    from matplotlib.ticker import MaxNLocator

    taught = any(key.endswith("/confidence_ratio") for record in records for key in record)
    last = (
        ("confidence_ratio", "confidence over teacher's")
        if taught
        else ("conflict", "share of steps in conflict")
    )
    panels = [
        (metric, metric),
        ("gradient_norm", "gradient norm of the encoder"),
        ("cosine", "cosine to its own loss"),
        last,
    ]
    colour_of = colours(modalities)
    axes = figure.subplots(2, 2, sharex=True).flat
    styles = set()
    for axis, (quantity, title) in zip(axes, panels, strict=True):
        for name in (*modalities, "fused"):
            shade = colour_of.get(name, INK)
            for prefix, kind, style in (
                ("", quantity, "-"),
                ("val/", quantity, "--"),
                ("", f"teacher_{quantity}", ":"),
            ):
                values = [record.get(f"{prefix}{name}/{kind}", math.nan) for record in records]
                if all(math.isnan(value) for value in values):
                    continue
                marker = "o" if len(values) == 1 else ""
                axis.plot(range(1, len(values) + 1), values, style, color=shade, marker=marker)
                styles.add(style)
        axis.set_title(title, fontsize=11)
        axis.grid(axis="y", color="0.9", linewidth=0.8)
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
        without_box(axis)
        if quantity == "cosine":
            axis.set_ylim(-1.05, 1.05)
            axis.axhline(0, color="0.6", linewidth=1, zorder=0)
        else:
            axis.set_ylim(bottom=0)
    for axis in figure.axes[2:]:
        axis.set_xlabel("epoch")
    handles: dict[str, Any] = {
        name: Line2D([], [], color=colour_of.get(name, INK)) for name in (*modalities, "fused")
    }
    if "--" in styles:
        handles["validation"] = Line2D([], [], color="0.5", linestyle="--")
    if ":" in styles:
        handles["teacher"] = Line2D([], [], color="0.5", linestyle=":")
    legend_below(figure, handles)
    return save(figure, path)
