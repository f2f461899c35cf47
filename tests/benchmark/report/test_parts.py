"""What runs leave, made small: nothing that is shown is lost or moved."""

from __future__ import annotations

import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import confusion_matrix

from g2d.benchmark.report.curves import HEIGHT, WIDTH, curves
from g2d.benchmark.report.figures import read_figures
from g2d.benchmark.report.predictions import MOST_CLASSES, MOST_POINTS, SIDE, confusion, scatter
from g2d.benchmark.report.settings import NOT_SET, differing, flat, shared
from g2d.errors import UserError

# -- curves


def points(path):
    """The corners of a path of relative lines, one list for every stroke."""
    strokes = []
    for kind, x, y in re.findall(r"([Ml])(-?\d+)[ ]?(-?\d+)", path):
        at = np.array([int(x), int(y)])
        if kind == "M":
            strokes.append([at])
        else:
            strokes[-1].append(strokes[-1][-1] + at)
    return strokes


def epochs_of(values):
    return [
        {"stage": "joint", "val": {"accuracy": {"near": value, "far": 0.5, "fused": value / 2}}}
        for value in values
    ]


@given(st.lists(st.floats(0, 1), min_size=2, max_size=350))
def test_a_curve_passes_through_what_was_measured(values):
    drawn = curves(epochs_of(values), "accuracy")
    assert [line.label for line in drawn.lines] == ["fused", "near", "far"]
    low, high = min([0.5, *(value / 2 for value in values)]), max([0.5, *values])
    (stroke,) = points(drawn.lines[1].path)
    across = [x for x, _ in stroke]
    assert (across[0], across[-1]) == (0, WIDTH)
    for x, y in stroke:
        near = [v for i, v in enumerate(values) if abs(i * WIDTH / (len(values) - 1) - x) <= 0.5]
        heights = [HEIGHT * (high - v) / ((high - low) or 1) for v in near]
        assert any(abs(height - y) <= 0.5 for height in heights)


def test_what_was_not_measured_is_a_gap():
    drawn = curves(epochs_of([0.0, 1.0, float("nan"), 0.5, 1.0]), "accuracy")
    assert [len(stroke) for stroke in points(drawn.lines[1].path)] == [2, 2]
    assert curves(epochs_of([1.0]), "loss") is None
    assert curves([], "accuracy") is None


def test_a_teacher_has_one_curve_and_stages_are_marked():
    epochs = [
        {"stage": stage, "val": {"rmse": {"near": value, "fused": value}}}
        for stage, value in (("near alone", 3.0), ("near alone", 2.0), ("joint", 1.0))
    ]
    drawn = curves(epochs, "rmse")
    assert [line.label for line in drawn.lines] == ["near"]
    assert drawn.stages == (round(WIDTH * 0.75),)
    assert (drawn.low, drawn.high) == ("1.00", "3.00")


# -- answers


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=50))
def test_confusion_is_that_of_scikit_learn(pairs):
    target, answered = (np.array(values) for values in zip(*pairs, strict=True))
    found = confusion(target, answered, ("a", "b", "c", "d"))
    rows = [[int(count) for count in row.split()] for row in found.matrix.split(";")]
    expected = confusion_matrix(target, answered, labels=range(4))
    assert rows == expected.tolist()
    assert found.caption.startswith(f"{np.trace(expected)} of {len(pairs)} ")


def test_many_classes_are_told_in_words_alone():
    many = MOST_CLASSES + 1
    found = confusion(np.arange(many), np.full(many, 3), tuple(map(str, range(many))))
    assert found.matrix == ""
    assert found.caption == (
        f"1 of {many} test samples are right. "
        "Most often mistaken: 0 for 3 (1), 1 for 3 (1) and 2 for 3 (1)."
    )


def test_a_scatter_puts_right_answers_on_the_diagonal():
    values = np.random.default_rng(0).normal(size=1000)
    found = scatter(values, values)
    dots = [(int(x), int(y)) for x, y in re.findall(r"M(\d+) (\d+)h0", found.path)]
    assert 1 < len(dots) <= MOST_POINTS
    assert all(abs(x + y - SIDE) <= 1 for x, y in dots)
    assert (found.low, found.high) == (values.min(), values.max())
    assert "1000 test samples, of which 200 are drawn" in found.caption
    assert "within 0 of the truth" in found.caption


# -- recipes

RECIPES = st.lists(
    st.dictionaries(
        st.sampled_from("abc"),
        st.one_of(st.integers(0, 2), st.dictionaries(st.sampled_from("xy"), st.integers(0, 2))),
        min_size=1,
    ),
    min_size=1,
    max_size=5,
)


@given(RECIPES)
def test_base_and_difference_make_the_recipe(contents):
    recipes = [flat(content) for content in contents]
    base = shared(recipes)
    for recipe in recipes:
        told = differing(recipe, base)
        again = {**base, **told}
        assert {key: value for key, value in again.items() if value != NOT_SET} == recipe


# -- figures

DRAWN = """<?xml version="1.0"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"
  width="10pt" height="10pt" viewBox="0 0 10 10" onload="alert(1)">
 <style>* { display: none }</style><script>alert(2)</script>
 <foreignObject><p>x</p></foreignObject><image xlink:href="http://elsewhere/x.png"/>
 <defs><path id="dot" d="M 1.23456789 2 L 3 4"/></defs>
 <use xlink:href="#dot" x="5" y="5"/><use xlink:href="http://elsewhere/y.svg#a"/>
 <a xlink:href="javascript:alert(3)"><path d="M 0 0"/></a>
 <path d="M 0 0 L 9 9" style="fill: #ffffff" onclick="alert(4)"/>
 <g transform="scale(0.015625)"><text style="fill: #000000">1.23456789</text></g>
</svg>"""


def test_a_figure_is_a_drawing_and_nothing_else(tmp_path):
    (tmp_path / "figures").mkdir()
    (tmp_path / "figures" / "who-learns.svg").write_text(DRAWN)
    (figure,) = read_figures(tmp_path, {"other": "Another"}, ())
    assert figure.title == "who learns"
    assert read_figures(tmp_path, {"who-learns": "Who?"}, ())[0].title == "Who?"
    svg = figure.svg
    for gone in ("script", "alert", "style>", "foreignObject", "image", "elsewhere", "#ffffff"):
        assert gone not in svg
    assert 'id="f0-dot"' in svg
    assert 'href="#f0-dot"' in svg
    assert 'd="M 1.23 2 L 3 4"' in svg
    assert "scale(0.015625)" in svg
    assert "fill: currentColor" in svg
    assert ">1.23456789<" in svg


def test_what_is_no_figure_is_said(tmp_path):
    (tmp_path / "figures").mkdir()
    for text in ("<svg", "<html/>", "no"):
        (tmp_path / "figures" / "a.svg").write_text(text)
        with pytest.raises(UserError, match=r"a\.svg is no SVG"):
            read_figures(tmp_path, {}, ())
