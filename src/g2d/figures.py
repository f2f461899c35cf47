"""What the figures of all analyses have in common: colours, a blank sheet, plain axes."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.errors import require

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can distinguish, and which differ in grey.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")

# Of what is no result of its own: a teacher, a guess, the ideal. Pages draw it in their own ink.
INK = "#444444"


def colours(names: Iterable[str]) -> dict[str, str]:
    """One colour for each name, in their order.

    Example:
        >>> colours(["joint", "g2d", "joint"])
        {'joint': '#0072B2', 'g2d': '#D55E00'}
    """
    distinct = dict.fromkeys(names)
    return {name: PALETTE[place % len(PALETTE)] for place, name in enumerate(distinct)}


def blank(width: float, height: float) -> Figure:
    """An empty figure, in inches, whose parts do not overlap."""
    require("matplotlib", "train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def without_box(axis: Axes) -> None:
    """Takes off the frame's upper and right side."""
    axis.spines[["top", "right"]].set_visible(False)


def labelled(axes: Iterable[Axes]) -> dict[str, Artist]:
    """The artists of some panels, by label."""
    found: dict[str, Artist] = {}
    for axis in axes:
        for handle, label in zip(*axis.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return found


def legend_below(figure: Figure, handles: Mapping[str, Artist], most: int = 4) -> None:
    """Draws one legend for all panels, below them, with a limit of entries in a row."""
    words, columns = (list(handles.values()), list(handles)), min(len(handles), most)
    figure.legend(*words, loc="outside lower center", ncols=columns, frameon=False)


def save(figure: Figure, path: Path) -> Path:
    """Writes the figure into a file, in the format of its ending.

    Names of modalities, classes and runs are shown as they are: `$` begins no formula.
    """
    from matplotlib import rc_context
    from matplotlib.text import Text

    path.parent.mkdir(parents=True, exist_ok=True)
    for word in figure.findobj(Text):
        assert isinstance(word, Text)
        word.set_parse_math(False)
    with rc_context({"text.parse_math": False}):  # of words that are made while it is drawn
        figure.savefig(path, dpi=150)
    return path


def known(value: float) -> float | None:
    """A number as JSON holds it; `None` where it is not known.

    Example:
        >>> known(0.12345678), known(float("nan")), known(float("inf"))
        (0.123457, None, None)
    """
    return round(float(value), 6) if math.isfinite(value) else None


def percent(fraction: float) -> str:
    """A fraction as people read it.

    Example:
        >>> percent(0.7342), percent(float("nan"))
        ('73.4 %', '-')
    """
    return f"{100 * fraction:.1f} %" if math.isfinite(fraction) else "-"
