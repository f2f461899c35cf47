"""A blank figure, the colours on it, and how it becomes a file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.errors import require

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which the colour-blind can tell apart.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")


def colour(place: int) -> str:
    """The colour of the n-th thing in a legend; from the seventh on they repeat."""
    return PALETTE[place % len(PALETTE)]


def blank(width: float, height: float) -> Figure:
    """A figure of a size in inches that leaves the screen alone."""
    require("matplotlib", "train")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def legend(figure: Figure, handles: dict[str, Any], most: int = 4) -> None:
    """One legend for all panels, below them."""
    figure.legend(
        list(handles.values()),
        list(handles),
        loc="outside lower center",
        ncols=min(len(handles), most),
        frameon=False,
    )


def save(figure: Figure, path: Path) -> Path:
    """Writes the figure; the ending says in which format."""
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
    return path
