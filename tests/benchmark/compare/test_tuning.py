"""Tuning: equal budgets, no look at test, the same trials however often it is interrupted."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

import toy
from benchmark.compare.small import run_grid
from g2d.benchmark.compare.finished import selected_on_test
from g2d.benchmark.compare.launchers.lines import Lines
from g2d.benchmark.compare.launchers.local import InThisProcess
from g2d.benchmark.compare.launchers.running import run_jobs
from g2d.benchmark.compare.reading import read_grid
from g2d.benchmark.compare.tuning.space import read_space, space_from
from g2d.benchmark.compare.tuning.study import ROUND, Plan
from g2d.benchmark.compare.tuning.study_files import replaced
from g2d.benchmark.compare.tuning.tuning import tune
from g2d.errors import UserError
from g2d.recipes.build import build_splits
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import load_recipe, recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import WatchedData, toy_recipe

SPACE = space_from(
    {
        "shared": {"training.learning_rate": {"low": 0.001, "high": 1.0, "log": True}},
        "methods": {
            "umt": {"method.weight": {"low": 0.1, "high": 10.0, "log": True}},
            "joint": {"training.batch_size": [16, 32]},
        },
    },
    "mine",
)
TRIALS = ROUND + 1


def run(jobs, done):
    return run_jobs(jobs, InThisProcess(), Lines(lambda _: None), done)


@pytest.fixture
def plan(tmp_path):
    pytest.importorskip("optuna")
    recipe = {**toy_recipe(epochs=2), "data": {"name": "toy.WatchedData"}}
    (tmp_path / "toy.yaml").write_text(json.dumps(recipe))
    return Plan(str(tmp_path / "toy.yaml"), ("joint", "umt"), SPACE, trials=TRIALS, seeds=(0, 1))


def told(path):
    """A record without what differs from session to session."""
    content = json.loads(path.read_text())
    for method in content["methods"].values():
        del method["budget"]["seconds"]
    return content


def test_budgets_are_equal_and_recorded_and_the_best_is_the_best(plan, tmp_path):
    tuned = tune(plan, tmp_path / "out", run, "g2d tune")
    record = json.loads((tmp_path / "out" / "tuning" / "toy.json").read_text())
    assert (record["selected_on"], record["metric"], record["seeds"]) == ("val", "accuracy", [0, 1])
    runs = tmp_path / "out" / "tuning" / "runs"
    for method in ("joint", "umt"):
        own = record["methods"][method]
        assert own["budget"]["trials"] == len(own["trials"]) == TRIALS
        assert own["budget"]["runs"] == 2 * TRIALS
        values = []
        for trial in own["trials"]:
            by_seed = [
                max(epoch["val"]["accuracy"]["fused"] for epoch in Run(runs / name).epochs)
                for name in trial["runs"]
            ]
            assert trial["by_seed"] == pytest.approx(by_seed)
            assert trial["value"] == pytest.approx(sum(by_seed) / 2)
            for name, seed in zip(trial["runs"], (0, 1), strict=True):
                made = Run(runs / name).about["recipe"]
                assert made["seed"] == seed
                rate = trial["changes"]["training.learning_rate"]
                assert made["training"]["learning_rate"] == rate
                assert 0.001 <= rate <= 1.0
            values.append(trial["value"])
        assert own["best"] == values.index(max(values)) == tuned.best(method).number
    joint, umt = (record["methods"][m]["trials"][0]["changes"] for m in ("joint", "umt"))
    assert joint["training.learning_rate"] == umt["training.learning_rate"]
    # One set of teachers for all trials of a seed, trained as the recipe says.
    assert len(list((runs / "teachers").iterdir())) == 2 * 2


def test_nothing_of_test_is_read_or_written(plan, tmp_path):
    toy.READS.clear()
    tune(plan, tmp_path / "out", run)
    # Whether the data has the declared shapes is looked at when it is opened, on its first sample.
    assert {rows for split, rows in toy.READS if split == "test"} <= {(0,)}
    results = list((tmp_path / "out").rglob("result.json"))
    assert len(results) == 2 * 2 * TRIALS + 4
    assert not any("test" in json.loads(path.read_text()) for path in results)
    assert not list((tmp_path / "out").rglob("predictions-test*"))


def test_a_withheld_split_answers_nobody(tmp_path):
    splits = WatchedData().splits().without_test()
    assert len(splits.test) == 96
    assert list(splits.measured()) == ["train", "val"]
    with pytest.raises(RuntimeError, match="withheld"):
        splits.test.__getitems__([0])
    with pytest.raises(RuntimeError, match="withheld"):
        _ = splits.test.target
    recipe = recipe_from(toy_recipe(epochs=1))
    blind = train(recipe, tmp_path / "a", splits=build_splits(recipe).without_test())
    open_ = train(recipe, tmp_path / "b")
    one, other = (Run(folder).result for folder in (blind, open_))
    assert "test" not in one
    assert one["val"] == other["val"]
    weights = [(folder / "model.safetensors").read_bytes() for folder in (blind, open_)]
    assert weights[0] == weights[1]


def test_data_that_select_on_test_say_so_and_are_not_tuned(plan, tmp_path):
    recipe = {**toy_recipe(epochs=1), "data": {"name": "toy.ToyData", "protocol": "leaky"}}
    (tmp_path / "leaky.yaml").write_text(json.dumps(recipe))
    refused = "toy: the protocol 'leaky.*' selects on the test split"
    with pytest.raises(UserError, match=refused):
        tune(replace(plan, recipe=str(tmp_path / "leaky.yaml")), tmp_path / "out", run)
    assert not (tmp_path / "out").exists()
    hidden = recipe_from({**recipe, "missing": {"rate": 0.2}, "method": "joint"})
    with pytest.raises(UserError, match=refused):
        build_splits(hidden).without_test()
    folder = train(hidden, tmp_path / "out")
    assert Run(folder).about["selects_on_test"] is True
    assert selected_on_test(Run(folder))


def test_a_killed_study_goes_through_the_same_trials(plan, tmp_path):
    plan = replace(plan, seeds=(0,))
    whole = tune(plan, tmp_path / "whole", run)

    def stopped(jobs, done):
        run(jobs[: len(jobs) // 2], done)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(plan, tmp_path / "pieces", stopped)
    again = tune(plan, tmp_path / "pieces", run)
    assert told(again.record) == told(whole.record)
    runs = tmp_path / "pieces" / "tuning" / "runs"
    sessions = [Run(f.parent).about["sessions"] for f in runs.glob("*/run.json")]
    assert len(sessions) == 2 * TRIALS
    assert all(len(own) == 1 for own in sessions)

    def nothing(jobs, done):
        raise AssertionError(jobs)

    tune(plan, tmp_path / "pieces", nothing)
    assert told(again.record) == told(whole.record)


def test_the_best_settings_are_a_grid_that_measures_test_once(plan, tmp_path):
    tuned = tune(plan, tmp_path / "out", run)
    grid = read_grid(str(tuned.grid))
    cells = grid.cells()
    assert {cell.labels["method"] for cell in cells} == {"joint", "umt"}
    assert [cell.recipe.seed for cell in cells] == [0, 1, 2] * 2
    for cell in cells:
        best = tuned.best(cell.labels["method"]).changes
        assert cell.recipe.training["learning_rate"] == best["training.learning_rate"]
        assert cell.recipe.teachers["learning_rate"] == 0.01  # not tuned: the usual one
    outcomes = run_grid(grid, tmp_path / "out")
    assert not any(outcome.reason for outcome in outcomes.values())
    for cell in cells:
        result = Run(tmp_path / "out" / cell.name).result
        assert {"val", "test"} <= set(result)
        if cell.recipe.seed in plan.seeds:
            trial = tuned.best(cell.labels["method"])
            assert result["val"]["accuracy"]["fused"] == trial.by_seed[cell.recipe.seed]


def test_a_trial_that_diverges_is_a_trial_that_failed(plan, tmp_path):
    ranges = {"training.learning_rate": [0.01, 1e30]}
    space = space_from({"shared": ranges}, "mine")
    tuned = tune(
        Plan(plan.recipe, ("joint",), space, trials=ROUND, seeds=(0,)), tmp_path / "out", run
    )
    trials = tuned.trials["joint"]
    assert {trial.changes["training.learning_rate"] for trial in trials} == {0.01, 1e30}
    for trial in trials:
        assert bool(trial.reason) == (trial.changes["training.learning_rate"] == 1e30)
        assert (trial.value is None) == bool(trial.reason)
    assert tuned.best("joint").changes == {"training.learning_rate": 0.01}


def test_a_method_that_failed_throughout_is_named_in_the_grid_and_alone_makes_none(plan, tmp_path):
    ranges = {"training.learning_rate": [1e30]}
    space = space_from({"methods": {"umt": ranges, "joint": {"training.momentum": [0.5]}}}, "mine")
    plan = replace(plan, space=space, trials=1, seeds=(0,))
    tuned = tune(plan, tmp_path / "out", run)
    assert (tuned.succeeded, tuned.failed) == (["joint"], ["umt"])
    grid = read_grid(str(tuned.grid))
    assert grid.title.endswith(", without umt")
    assert grid.about.endswith("Of umt all trials failed.")
    assert [entry.label for entry in grid.axes["method"]] == ["joint"]
    alone = tune(replace(plan, methods=("umt",)), tmp_path / "alone", run)
    assert alone.succeeded == []
    assert alone.record.exists()
    assert not alone.grid.exists()


def test_what_another_study_takes_the_place_of_is_said(plan, tmp_path):
    plan = replace(plan, methods=("joint",), trials=1, seeds=(0,))
    assert replaced(plan, tmp_path / "out") == ""
    tune(plan, tmp_path / "out", run, "g2d tune toy --methods joint")
    assert replaced(plan, tmp_path / "out") == ""
    others = [{"methods": ("umt",)}, {"trials": 2}, {"seeds": (1,)}, {"sampler_seed": 1}]
    for other in [*others, {"changes": (("training.epochs", 1),)}, {"space": read_space()}]:
        said = replaced(replace(plan, **other), tmp_path / "out")
        assert "toy.json and its grid will be replaced: they are of joint, 1 trials each" in said
        assert "(g2d tune toy --methods joint)" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"recipe": "avmnist"}, "avmnist: there is no folder of prepared data.*--data.root DIR"),
        ({"methods": ("joint", "umtt")}, "method: there is no 'umtt'"),
        ({"recipe": "nowhere"}, "there is no recipe 'nowhere'"),
        (
            {"space": space_from({"methods": {"umt": {"method.w": [1]}}}, "my.yaml")},
            "space my.yaml: method.w: no such",
        ),
        (
            {"space": space_from({"shared": {"training.batch_size": [0]}}, "my.yaml")},
            "space my.yaml: training: batch_size must be 1",
        ),
        (
            {"space": space_from({"methods": {"umtt": {"method.weight": [1]}}}, "my.yaml")},
            "space my.yaml: methods.umtt: method: there is no 'umtt'",
        ),
        (
            {"changes": (("training.learning_rate", 0.5),)},
            "--training.learning_rate 0.5: the space tunes it.*teachers.learning_rate",
        ),
        (
            {"changes": (("method.weight", 2),), "methods": ("joint",)},
            r"--method.weight 2: a trial has the options of the space.*method.weight: \[2\]",
        ),
    ],
)
def test_what_cannot_be_tuned_is_refused_before_anything_is_trained(plan, tmp_path, change, said):
    def nothing(jobs, done):
        raise AssertionError(jobs)

    with pytest.raises(UserError, match=said):
        tune(Plan(**{**vars(plan), **change}), tmp_path / "out", nothing)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([], "expected the keys shared and methods"),
        ({"own": {}}, "expected the keys shared and methods"),
        ({"methods": ["umt"]}, "methods: expected ranges by method"),
        ({"shared": {"seed": [0, 1]}}, "shared.seed: this is not for tuning"),
        ({"shared": {"missing.rate": [0.2]}}, "missing.rate: this is not for tuning"),
        ({"shared": {"training.epochs": [5, 50]}}, "training.epochs: .*trained equally long"),
        ({"methods": {"umt": {"training.epochs": [5]}}}, "umt.training.epochs: .*equally long"),
        ({"shared": {"method": ["joint", "umt"]}}, "method: .*of one method's options"),
        ({"shared": {"fusion": ["late", "sum"]}}, "fusion: .*of one fusion's options"),
        ({"shared": {"fusion.name": ["late", "sum"]}}, "fusion.name: .*one fusion's options"),
        ({"shared": {"teachers.epochs": [5, 9]}}, "teachers.epochs: .*the recipe's teachers"),
        ({"shared": {"training.learning_rat": [1]}}, "mine: shared.training.learning_rat: no such"),
        ({"shared": {"training.momentum": 0.9}}, "expected low, high and perhaps log, or a list"),
        ({"shared": {"training.momentum": {"low": 1, "high": 0}}}, "expected low < high"),
        ({"shared": {"training.momentum": {"low": 0, "high": 1, "log": True}}}, "above 0 where"),
    ],
)
def test_what_is_no_space_is_refused(content, said):
    with pytest.raises(UserError, match=said):
        space_from(content, "mine")


def test_the_built_in_space_has_only_options_that_methods_have():
    space = read_space()
    for method, ranges in space.methods.items():
        changes = [("method", method)]
        for key, value in ranges.items():
            changes.append((key, value["low"]))
        recipe = load_recipe("avdigits", changes)
        assert plan_method(recipe, tuple(recipe.encoders)).label == method
    assert list(space.of("joint+smp")) == list(space.shared)
