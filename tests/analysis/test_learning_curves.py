"""Learning curves are the numbers of the run folders, drawn."""

from __future__ import annotations

import json

import numpy as np
import pytest
from matplotlib.image import imread

from g2d.analysis.learning_curves import Curve, LearningCurves, learning_curves, subjects_curves
from g2d.analysis.subject import subjects_of
from g2d.errors import UserError
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


def recipe(method, **changes):
    return recipe_from({**toy_recipe(epochs=3), "method": method, **changes})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    staged = {"name": "g2d", "schedule": [1, 2]}
    return out, [train(recipe(method), out) for method in ("joint", staged)]


def colours(path):
    pixels = (imread(path)[..., :3] * 255).astype(int)
    return len(np.unique(pixels.reshape(-1, 3), axis=0))


def test_every_value_is_a_line_of_metrics_jsonl(runs):
    out, folders = runs
    found = learning_curves(folders, out)
    assert (found.metric, found.label) == ("accuracy", "validation accuracy")
    assert found.panels == ("near", "far", "fused")
    by_name = {(curve.label, curve.panel): curve.values for curve in found.curves}
    for folder, method in zip(folders, ("joint", "g2d"), strict=True):
        lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
        for panel in found.panels:
            expected = tuple(line["val"]["accuracy"][panel] for line in lines)
            assert by_name[method, panel] == expected
    places = Run(folders[1]).result["teachers"]["folders"]
    for name, place in places.items():
        lines = Run(out / place).epochs
        expected = tuple(line["val"]["accuracy"]["fused"] for line in lines)
        assert by_name["teacher alone", name] == expected
    assert len(found.curves) == 2 * 3 + 2
    assert sum(curve.teacher for curve in found.curves) == 2


def test_the_boundary_is_where_the_stage_ends(runs):
    out, (joint, staged) = runs
    assert learning_curves([joint, staged], out).boundaries == (1,)
    assert learning_curves([joint], out).boundaries == ()
    stages = [line["stage"].endswith("alone") for line in Run(staged).epochs]
    assert stages == [True, False, False]


def test_teachers_are_found_beside_the_runs(runs):
    out, folders = runs
    assert learning_curves(folders) == learning_curves(folders, out)


def test_subjects_have_the_same_curves(runs):
    out, folders = runs
    subjects = subjects_of([Run(folder, out=out, trust=True) for folder in folders])
    assert [subject.label for subject in subjects] == ["joint", "g2d"]
    # joint training knows no teachers; those of its recipe were trained for G²D
    found, read = subjects_curves(subjects), learning_curves(folders, out)
    assert set(found.curves) == set(read.curves)
    assert found.boundaries == read.boundaries


def test_the_table_has_the_best_of_every_curve():
    curves = (
        Curve("mine", "a", (0.25, 0.75, 0.5)),
        Curve("mine", "b", (float("nan"), 0.5, 0.5)),
        Curve("mine", "fused", (float("nan"),)),
    )
    found = LearningCurves("accuracy", ("a", "b", "fused"), curves, (1,))
    columns, rows = found.table()
    assert columns == ["run", "of", "best accuracy, %", "in epoch", "last"]
    assert rows == [
        ["mine", "a", "75.0", "2", "50.0"],
        ["mine", "b", "50.0", "2", "50.0"],
        ["mine", "fused", "-", "0", "-"],
    ]
    assert "mine: a 75.0 %, b 50.0 %, fused -" in found.sentence()
    assert "Test is read once" in found.sentence()
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["curves"][1]["values"] == [None, 0.5, 0.5]
    errors = LearningCurves("rmse", ("a",), (Curve("mine", "a", (3.0, 2.0)),), (), False)
    assert errors.table()[1] == [["mine", "a", "2", "2", "2"]]


def test_runs_on_other_kinds_of_target_are_refused(runs, tmp_path):
    _, folders = runs
    data = {"name": "toy.ToyData", "regression": True}
    other = train(recipe("joint", data=data), tmp_path)
    with pytest.raises(UserError, match="measured by rmse and a run before it by accuracy"):
        learning_curves([folders[0], other])


def test_the_figure_is_a_picture(runs, tmp_path):
    out, folders = runs
    path = learning_curves(folders, out).plot(tmp_path / "new" / "figure.png")
    height, width = imread(path).shape[:2]
    assert width > 2 * height  # three panels in a row
    assert colours(path) > 20


def test_one_epoch_is_still_seen(tmp_path):
    def drawn(values):
        curves = (Curve("joint", "fused", values),)
        return LearningCurves("accuracy", ("fused",), curves).plot(tmp_path / "one.png")

    blank = colours(drawn((float("nan"),) * 2))
    assert colours(drawn((0.5,))) > blank


def test_regression_is_drawn_by_the_metric_that_selects(tmp_path):
    data = {"name": "toy.ToyData", "regression": True}
    path = train(recipe("g2d", data=data), tmp_path)
    found = learning_curves([path], tmp_path)
    assert (found.metric, found.label) == ("rmse", "validation RMSE (lower is better)")
    lines = Run(path).epochs
    fused = next(c for c in found.curves if (c.label, c.panel) == ("g2d", "fused"))
    assert fused.values == tuple(line["val"]["rmse"]["fused"] for line in lines)
    assert colours(found.plot(tmp_path / "figure.png")) > 20


def test_an_ensemble_has_no_curves(tmp_path):
    assert learning_curves([train(recipe("ume"), tmp_path)], tmp_path).curves == ()
