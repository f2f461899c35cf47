"""The page stands alone: parsed as a browser would, with nothing to fetch."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import matplotlib
import pytest

from g2d.analysis.drawing import inline_svg
from g2d.analysis.intervals import Interval
from g2d.table.diagnosis.balance import Balance
from g2d.table.diagnosis.page import Drawn, diagnosis_page, shown
from g2d.table.diagnosis.verdict import Finding

VOID = {"meta", "br", "hr", "img", "input", "link"}
SHAPES = ("path", "use", "rect", "line", "circle", "polygon", "polyline", "ellipse")


class Reader(HTMLParser):
    """Collects tags and attributes, and checks that what is opened is closed."""

    def __init__(self):
        super().__init__()
        self.open, self.tags, self.ids, self.attributes, self.words = [], [], [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for key, value in attrs if key == "id"]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs
        self.ids += [value for key, value in attrs if key == "id"]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.words.append(data)


def read(page: str) -> Reader:
    reader = Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == []
    return reader


def check_alone(page: str) -> Reader:
    """No address, no script, no name twice, a text for every figure."""
    reader = read(page)
    assert "//" not in page
    assert not {"script", "link", "iframe", "img", "object"} & set(reader.tags)
    assert len(reader.ids) == len(set(reader.ids))
    pointed = re.findall(r'(?:href="#|url\(#)([^")]+)', page)
    assert set(pointed) <= set(reader.ids)
    figures = reader.tags.count("figure")
    assert [k for k, v in reader.attributes if k == "aria-label" and v].count("aria-label") == (
        figures
    )
    assert len(page.encode()) < 1_000_000
    return reader


SURE = Interval(0.5, 0.1, 0.1)
FINDINGS = [
    Finding(name, 50, SURE, SURE, Interval(0.0, 0.05, float("inf")), SURE, SURE, SURE)
    for name in ("<b>quick</b> & co", "slow")
]


def found(headline="slow is suppressed"):
    return {
        "headline": headline,
        "words": ["One <i>sentence</i>.", "Another."],
        "next": {"command": "g2d train 'a b.yaml' --method g2d", "why": "Because."},
        "modalities": {finding.modality: finding.as_dict() for finding in FINDINGS},
        "fused": {
            "joint": SURE.as_dict(),
            "g2d": SURE.as_dict(),
            "gain": SURE.as_dict(),
            "methods": {},
        },
        "plan": {"epochs": 3, "seeds": 1, "cut": ["3 epochs instead of 20"]},
        "data": {
            "name": "$pets",
            "metric": "accuracy",
            "protocol": "random",
            "rows": {"train": 1, "choose": 2, "judged": 3, "test": 4},
        },
        "seconds": 12.3,
    }


def test_the_page_is_whole_and_needs_no_network():
    svg = [inline_svg(Balance(FINDINGS).plot, name) for name in ("one", "two")]
    page = diagnosis_page(found(), ["4 rows"], [Drawn(s, "bars", "a caption") for s in svg])
    reader = check_alone(page)
    assert reader.tags.count("figure") == reader.tags.count("svg") == 2
    said = " ".join(" ".join(reader.words).split())
    for expected in (
        "Diagnosis of $pets",
        "Slow is suppressed",
        "One <i>sentence</i>.",
        "g2d train 'a b.yaml' --method g2d",
        "<b>quick</b> & co",
        "Cut: 3 epochs instead of 20.",
        "50 % (36 to 64)",
    ):
        assert expected in said
    assert ("name", "viewport") in reader.attributes
    assert "prefers-color-scheme: dark" in page


def test_a_figure_follows_the_colours_of_the_page():
    before = dict(matplotlib.rcParams)
    svg = inline_svg(Balance(FINDINGS).plot, "balance")
    assert dict(matplotlib.rcParams) == before
    reader = read(svg)
    assert sum(reader.tags.count(shape) for shape in SHAPES) > 6
    assert "currentColor" in svg
    assert "#000000" not in svg
    assert "slow" in " ".join(reader.words)
    width = re.search(r"<svg([^>]*)>", svg)[1]
    assert "viewBox" in width
    assert "width=" not in width


def test_a_figure_is_drawn_where_it_is_told_to(tmp_path: Path):
    assert Balance(FINDINGS).plot(tmp_path / "a" / "b.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"mean": None, "low": None, "high": None}, "-"),
        ({"mean": -0.001, "low": -3.0, "high": 3.0}, "0 % (-100 to 100)"),
    ],
)
def test_what_cannot_be_is_not_shown(value, words):
    assert shown(value) == words
