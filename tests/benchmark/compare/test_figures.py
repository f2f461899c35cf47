"""The runs of a grid put to an analysis."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest

from g2d.analysis.subject import Subject
from g2d.benchmark.analyses import ANALYSES
from g2d.benchmark.compare.figures import analysis_of, draw_figures
from g2d.benchmark.compare.jobs import attempt, plan_jobs
from g2d.benchmark.compare.reading import grid_from
from g2d.benchmark.compare.record import record_of
from g2d.errors import UserError
from g2d.runs.run import Run
from toy import toy_recipe


@pytest.fixture
def drawn(tmp_path):
    """Joint training and G²D on toys that are there and toys that are not, with two seeds."""
    for name, data in {"here": {}, "away": {"root": str(tmp_path / "nowhere")}}.items():
        recipe = {**toy_recipe(epochs=2), "data": {"name": "toy.ToyData", **data}}
        (tmp_path / f"{name}.yaml").write_text(json.dumps(recipe))
    content = {
        "title": "Ratio",
        "figure": "confidence-ratio",
        "seeds": [3, 1],
        "axes": {
            "dataset": {
                "toys: here/now": {"recipe": str(tmp_path / "here.yaml")},
                "away": {"recipe": str(tmp_path / "away.yaml")},
            },
            "method": {"joint": {"method": "joint"}, "G²D": {"method": "g2d"}},
        },
    }
    grid = grid_from(content, "mine")
    out = tmp_path / "runs"
    for job in plan_jobs(grid.cells(), out):
        attempt(job)
    return grid, out, list(draw_figures(record_of(grid, grid.cells(), ""), out, trust=True))


def test_one_figure_a_dataset_of_the_first_seed_and_a_reason_where_there_is_none(drawn):
    grid, out, (here, away) = drawn
    assert away.finding is None
    assert "no finished run of joint, G²D" in away.reason
    assert here.drawing == out / "figures" / "mine-toys-here-now.svg"
    assert ElementTree.parse(here.drawing).getroot().tag.endswith("svg")
    numbers = json.loads(here.drawing.with_suffix(".json").read_text())
    first = {
        cell.labels["method"]: cell.name
        for cell in grid.cells()
        if cell.recipe.seed == 3 and "here" in cell.labels["dataset"]
    }
    assert numbers["runs"] == first
    assert numbers["title"] == "Ratio, toys: here/now, seed 3"
    assert numbers["sentence"] == here.finding.sentence()


def test_the_numbers_are_those_of_the_analysis_asked_by_hand(drawn):
    _, out, (here, _) = drawn
    numbers = json.loads(here.drawing.with_suffix(".json").read_text())
    subjects = [
        Subject.of(Run(out / run, trust=True), label) for label, run in numbers["runs"].items()
    ]
    by_hand = ANALYSES["confidence-ratio"].run(subjects)
    assert here.finding.table() == by_hand.table()
    assert json.loads(json.dumps(by_hand.as_dict())).items() <= numbers.items()


def test_an_analysis_that_is_not_known_is_refused_before_any_work():
    with pytest.raises(UserError, match=r"grid mine: there is no figure 'beauty'; known: learning"):
        analysis_of("mine", "beauty")
