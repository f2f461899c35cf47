"""The table repeats the run folders; the sentence claims no more than the data shows."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from g2d import UserError
from g2d.analysis.comparison import Comparison, compare_runs, mcnemar
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


def recipe(method, **changes):
    return recipe_from({**toy_recipe(epochs=2), "method": method, **changes})


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    out = tmp_path_factory.mktemp("runs")
    return out, [train(recipe(method), out) for method in ("joint", "g2d", "ume")]


def test_the_table_is_the_run_folders_in_percent(runs):
    out, folders = runs
    columns, rows = compare_runs(folders, out).table()
    results = [Run(folder).result for folder in folders]
    about = results[1]["teachers"]
    taught = {name: Run(out / place).result["test"] for name, place in about["folders"].items()}
    told = [result["teachers"] for result in results if "teachers" in result]
    speed = next((one["speed"] for one in told if "speed" in one), about["confidence"]["heldout"])
    weak = "near" if speed["near"] < speed["far"] else "far"
    assert columns == ["", "near", "far", "fused", f"confidence ratio ({weak})"]
    alone = [f"{100 * taught[name]['accuracy']['fused']:.1f}" for name in ("near", "far")]
    assert rows[0] == ["teachers", *alone, "-", "1.00"]
    for row, result in zip(rows[1:], results, strict=True):
        accuracy = [result["test"]["accuracy"][name] for name in ("near", "far", "fused")]
        ratio = result["test"]["confidence"][weak] / taught[weak]["confidence"]["fused"]
        expected = [f"{100 * value:.1f}" for value in accuracy]
        assert row == [result["method"], *expected, f"{ratio:.2f}"]


def test_right_answers_are_those_of_the_predictions(runs):
    out, folders = runs
    found = compare_runs(folders, out)
    for method, right in found.right.items():
        assert right.mean() == pytest.approx(found.students[method]["fused"])
        assert right.shape == (96,)


@pytest.mark.parametrize(
    ("gained", "lost"), [(0, 0), (1, 0), (5, 0), (6, 0), (30, 10), (10, 30), (50, 50), (900, 700)]
)
def test_mcnemar_is_scipys_binomial_test(gained, lost):
    before = np.array([False] * gained + [True] * lost + [True] * 7)
    after = np.array([True] * gained + [False] * lost + [True] * 7)
    expected = binomtest(gained, gained + lost).pvalue if gained + lost else 1.0
    assert mcnemar(before, after) == pytest.approx(expected)
    assert mcnemar(after, before) == mcnemar(before, after)


def comparison(gained, lost, samples=200):
    """Two students that agree but on some samples."""
    both = samples // 2
    before = np.array([True] * (both + lost) + [False] * (samples - both - lost))
    after = np.roll(before, 0).copy()
    after[both : both + lost] = False
    after[both + lost : both + lost + gained] = True
    accuracy = {name: {"near": 0.2, "far": 0.6} for name in ("joint", "g2d")}
    accuracy["joint"]["fused"], accuracy["g2d"]["fused"] = before.mean(), after.mean()
    return Comparison(
        ("near", "far"),
        "near",
        {"near": 0.4, "far": 0.7},
        accuracy,
        {"joint": 0.5, "g2d": 0.9},
        {"joint": before, "g2d": after},
    )


@pytest.mark.parametrize(
    ("gained", "lost", "verdict", "points"),
    [
        (30, 5, "g2d helped", "+12.5 points"),
        (5, 30, "g2d did worse", "-12.5 points"),
        (12, 8, "g2d did not change the fused prediction beyond chance", "+2.0 points"),
        (0, 0, "g2d did not change the fused prediction beyond chance", "+0.0 points"),
        (8, 12, "g2d did not change the fused prediction beyond chance", "-2.0 points"),
    ],
)
def test_the_sentence_says_which_way_it_went(gained, lost, verdict, points):
    sentence = comparison(gained, lost).sentence(before="joint", after="g2d")
    assert verdict in sentence
    assert points in sentence
    assert "near alone reaches 40.0 %; under joint it was left at 20.0 %" in sentence
    assert "one seed, 200 test samples, McNemar's p" in sentence
    assert sum(said in sentence for said in ("helped", "did worse", "beyond chance")) == 1


def test_nothing_to_compare_with(runs, tmp_path):
    out, (joint, *_) = runs
    with pytest.raises(UserError, match="none of these runs has teachers to compare with"):
        compare_runs([joint], out)
    data = {"name": "toy.ToyData", "regression": True}
    with pytest.raises(UserError, match="a run of regression; only classification is compared"):
        compare_runs([train(recipe("joint", data=data), tmp_path)], tmp_path)
