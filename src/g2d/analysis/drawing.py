"""Figures as part of a page: one file, no network, light and dark."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable
from pathlib import Path

from g2d.errors import require

# What is black or grey on paper follows the page: matplotlib knows no such colour, so a colour
# that nothing else uses stands for it.
_INK = "#123457"
_SETTINGS = {
    "svg.fonttype": "none",
    "figure.facecolor": "none",
    "axes.facecolor": "none",
    "savefig.facecolor": "none",
    "font.family": "sans-serif",
    **dict.fromkeys(
        ("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), _INK
    ),
}
_FOLLOWS = {
    **dict.fromkeys((_INK, "#000000", "#444444"), "currentColor"),
    **dict.fromkeys(("#e6e6e6", "#b0b0b0", "#cccccc"), "#8886"),
}


def inline_svg(plot: Callable[[Path], Path], name: str) -> str:
    """A figure as an `<svg>` element to be put into a page.

    Args:
        plot: Draws into a file, as the `plot` of an analysis does.
        name: Sets its inner names apart from those of other figures of the page.
    """
    require("matplotlib", "train")
    from matplotlib import rc_context

    with tempfile.TemporaryDirectory() as folder, rc_context(_SETTINGS):  # type: ignore[arg-type]
        drawn = plot(Path(folder) / "figure.svg").read_text(encoding="utf-8")
    return as_element(drawn, name)


def as_element(drawn: str, name: str) -> str:
    """A figure in a file of its own as an `<svg>` element to be put into a page.

    What is black or grey follows the page, and its white ground is left out.

    Args:
        drawn: The SVG file, as matplotlib writes it.
        name: Sets its inner names apart from those of other figures of the page.
    """
    svg = drawn[drawn.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\sxmlns(:\w+)?="[^"]*"', "", svg)
    svg = re.sub(r'(<svg[^>]*?) width="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'(<svg[^>]*?) height="[^"]*"', r"\1", svg, count=1)
    svg = re.sub(r'\bid="', f'id="{name}-', svg)
    svg = re.sub(r'href="#', f'href="#{name}-', svg)
    svg = svg.replace("url(#", f"url(#{name}-")
    for colour, follows in _FOLLOWS.items():
        svg = svg.replace(colour, follows)
    svg = re.sub(r'(<path[^>]*style="fill: )#ffffff', r"\1none", svg)
    # Black text has no attribute for its colour.
    return svg.replace("<svg", '<svg aria-hidden="true" fill="currentColor"', 1)
