"""Figures that lie in a folder of runs, made fit to stand in a page."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

from g2d.analysis.drawing import as_element
from g2d.errors import UserError
from g2d.files import read_json

_SVG = "{http://www.w3.org/2000/svg}"
# What drawings are made of; anything that runs or loads is left out.
_ELEMENTS = frozenset(
    re.findall(
        r"\w+",
        "svg g path use defs clipPath rect circle ellipse line polyline polygon text tspan title "
        "desc linearGradient stop pattern symbol",
    )
)
_PLACES = frozenset({"d", "x", "y", "cx", "cy", "points"})


@dataclass(frozen=True)
class FigureOfFolder:
    """A figure of the page.

    Attributes:
        name: Of its file.
        title: What it is called.
        caption: What it shows, for those who do not see it.
        svg: The element.
    """

    name: str
    title: str
    caption: str
    svg: str


def read_figures(
    out: Path, titles: Mapping[str, str], runs: Collection[str]
) -> list[FigureOfFolder]:
    """The figures under `figures/`, with what the JSON beside each holds about it.

    A figure of runs that are in no table (any more) is left out: nothing on the page would say
    what it shows.

    Args:
        out: Folder of runs.
        titles: Of its grids, by name: the figure of a grid is called as the grid is.
        runs: Names of the runs that are on the page.

    Raises:
        UserError: A file is no SVG.
    """
    found = []
    for number, path in enumerate(sorted((out / "figures").glob("*.svg"))):
        beside = path.with_suffix(".json")
        about: dict[str, Any] = read_json(beside) if beside.is_file() else {}
        named = {Path(str(run)).name for run in about.get("runs", {}).values()}
        if named <= set(runs):
            found.append(_read(path, number, titles.get(path.stem), about))
    return found


def _read(path: Path, number: int, title: str | None, about: Mapping[str, Any]) -> FigureOfFolder:
    title = title or str(about.get("title") or path.stem.replace("-", " ").replace("_", " "))
    return FigureOfFolder(
        name=path.stem,
        title=title,
        caption=str(about.get("sentence") or f"Figure: {title}."),
        svg=as_element(safe(path.read_text("utf-8"), path), f"f{number}"),
    )


def safe(svg: str, path: Path) -> str:
    """The drawing alone: no scripts, no handlers, nothing that is loaded; coordinates rounded.

    Raises:
        UserError: This is no SVG.
    """
    try:
        root = ElementTree.fromstring(svg)
    except ElementTree.ParseError as error:
        raise UserError(f"{path} is no SVG: {error}; draw it again or remove it") from None
    if root.tag != f"{_SVG}svg":
        raise UserError(f"{path} is no SVG: its root is {root.tag}")
    _clean(root)
    ElementTree.register_namespace("", _SVG[1:-1])
    ElementTree.register_namespace("xlink", "http://www.w3.org/1999/xlink")
    # The rules of matplotlib's style sheet, which would hold for the whole page.
    root.set("style", "stroke-linejoin: round; stroke-linecap: butt")
    return ElementTree.tostring(root, encoding="unicode")


def _clean(element: ElementTree.Element) -> None:
    for key in list(element.attrib):
        name = key.rpartition("}")[2].lower()
        outward = name == "href" and not element.attrib[key].startswith("#")
        if name.startswith("on") or outward:
            del element.attrib[key]
        elif name in _PLACES:
            # Two digits are a hundredth of a point; matplotlib writes six.
            element.attrib[key] = re.sub(r"\d+\.\d{3,}", _shorter, element.attrib[key])
    for child in list(element):
        tag = child.tag.removeprefix(_SVG) if isinstance(child.tag, str) else ""
        if tag not in _ELEMENTS:
            element.remove(child)
        else:
            _clean(child)


def _shorter(number: re.Match[str]) -> str:
    return f"{float(number[0]):.2f}".rstrip("0").rstrip(".")
