"""A diagnosis finds what data was made to hold, and says what it cannot tell."""

from __future__ import annotations

import json
import shlex

import numpy as np
import pytest
import torch
import yaml

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.data.arrays import ArraySplit
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.recipes.build import build_splits
from g2d.recipes.recipe import recipe_from
from g2d.recipes.settings import training_settings
from g2d.table.diagnosis.diagnose import _plan, diagnose
from g2d.table.diagnosis.rivals import METHODS
from g2d.table.rows.selecting import choose_on_train
from runs.made import MadeData, made_recipe
from table.diagnosis.test_page import check_alone
from test_docs import parse

CASES = {
    "balanced": ("balanced", {"quick": "kept", "slow": "kept"}),
    "imbalanced": ("suppressed", {"quick": "kept", "slow": "suppressed"}),
    "noise": ("noise", {"quick": "kept", "slow": "noise"}),
}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))


def check(case, seed, folder):
    made = made_recipe(case, seed)
    made["training"] |= {"clip_norm": 10.0}  # of its many seeds, some diverge otherwise
    found = diagnose(recipe_from(made), folder, seeds=3).as_dict()
    kinds = {name: about["verdict"] for name, about in found["modalities"].items()}
    assert (found["verdict"], kinds) == CASES[case], found["words"]
    return found


@pytest.mark.parametrize("case", CASES)
def test_it_is_right_on_made_data(case, tmp_path):
    found = check(case, 0, tmp_path)
    slow = found["modalities"]["slow"]
    if case == "imbalanced":
        assert found["suppressed"] == ["slow"]
        assert slow["teacher"]["mean"] > 0.9
        assert slow["lost"]["low"] > 0.1
        assert slow["shapley_share"]["high"] < 0.5
        assert slow["confidence_ratio"]["high"] < 0.9
        assert slow["readout_with_g2d"]["mean"] > slow["readout"]["mean"] + 0.2
    if case == "balanced":
        assert found["headline"] == "No imbalance here"
        assert slow["shapley_share"]["mean"] == pytest.approx(0.5, abs=0.1)
    if case == "noise":
        assert "slow carries no signal by itself. G²D will not help it." in found["words"][1]


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(1, 5))
@pytest.mark.parametrize("case", CASES)
def test_it_is_right_on_every_seed(case, seed, tmp_path):
    check(case, seed, tmp_path)


def test_a_rival_that_diverges_is_left_out_and_named(tmp_path, monkeypatch):
    away = ("AMCo", "--method amco", {"name": "amco", "weight": 1e30})
    monkeypatch.setitem(METHODS, "amco", away)
    recipe = recipe_from(made_recipe("balanced", epochs=2, train=40, held=20))
    found = diagnose(recipe, tmp_path, seeds=1)
    assert [rival.key for rival in found.rivals] == ["g2d", "ensemble"]
    line = "AMCo is left out: at this learning rate its training loss became no number."
    assert line in found.sentences


def test_too_little_time_is_said(tmp_path):
    recipe = recipe_from(made_recipe("balanced", epochs=30, train=40, held=20))
    found = diagnose(recipe, tmp_path, budget_minutes=0.001).as_dict()
    assert (found["plan"]["seeds"], found["plan"]["epochs"]) == (1, 8)
    assert (
        found["plan"]["cut"][0]
        == "8 epochs instead of the recipe's 30, to fit into the time budget"
    )
    assert "All this is after 8 epochs" in found["words"][-1]
    assert len(list(tmp_path.glob("runs/teachers/*/result.json"))) == 2


def write(path, rows, seed=0, number=False):
    """Two blocks of columns that each know the target."""
    rng = np.random.default_rng(seed)
    names = [f"{block}{i}" for block in ("left", "right") for i in range(8)]
    lines = [",".join([*names, "y"])]
    for row in range(rows):
        values = rng.normal(size=16)
        values[[0, 8]] += 1.5 * (2 * (row % 2) - 1)
        y = f"{10 + 3 * (row % 2) + rng.normal():.3f}" if number else ("no", "yes")[row % 2]
        lines.append(",".join([*(f"{value:.3f}" for value in values), y]))
    path.write_text("\n".join(lines) + "\n")
    return path


QUICK = ("--training.epochs", "2", "--training.accelerator", "cpu")


def test_twenty_rows_are_not_enough(g2d, tmp_path):  # noqa: F811
    table, out = write(tmp_path / "few rows.csv", 20), tmp_path / "out"
    said = g2d("diagnose", table, "--target", "y", "--seeds", "3", "--out", out, *QUICK)
    assert (said.status, said.err) == (0, "")
    first, _, rest = said.out.partition("Not enough data to tell")
    assert "20 rows; classification of 'y', 2 classes (no, yes)" in first
    assert "left: features in left0, left1, ... left7 (8 columns)" in " ".join(first.split())
    found = json.loads((out / "diagnosis.json").read_text())
    assert found["verdict"] == "unclear"
    assert "rows in all" in found["words"][0]
    assert all(sentence in rest for sentence in found["words"])
    page = (out / "diagnosis.html").read_text()
    reader = check_alone(page)
    assert reader.tags.count("figure") == 3
    assert found["headline"] in page
    command = shlex.split(found["next"]["command"])
    assert command[:2] == ["g2d", "diagnose"]
    assert command[2] == str(table)
    parse(command[1:])

    before = {path: path.stat().st_mtime_ns for path in out.glob("runs/**/*") if path.is_file()}
    again = g2d("diagnose", table, "--target", "y", "--seeds", "3", "--out", out, "--json", *QUICK)
    assert {p: p.stat().st_mtime_ns for p in out.glob("runs/**/*") if p.is_file()} == before
    told = again.json()
    assert {**told, "seconds": 0} == {**found, "seconds": 0}


def test_numbers_are_diagnosed_and_the_next_command_works(g2d, tmp_path, monkeypatch):  # noqa: F811
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "table.csv", 240, number=True)
    arguments = ("--training.epochs", "6", "--training.accelerator", "cpu", "--seeds", "2")
    said = g2d("diagnose", "table.csv", "--target", "y", *arguments)
    assert said.status == 0, said.err
    found = json.loads((tmp_path / "diagnosis" / "diagnosis.json").read_text())
    assert (found["data"]["task"], found["data"]["metric"]) == ("regression", "R²")
    assert all(m["teacher"]["mean"] > 0.3 for m in found["modalities"].values())
    recipe = yaml.safe_load((tmp_path / "diagnosis" / "recipe.yaml").read_text())
    assert recipe["data"]["split"] == {"val": 0.25, "test": 0.2, "seed": 0}
    assert found["data"]["rows"]["judged"] == 60
    assert found["data"]["rows"]["test"] == 48


def test_a_recipe_is_diagnosed_too(g2d, tmp_path):  # noqa: F811
    path = tmp_path / "made.yaml"
    path.write_text(json.dumps(made_recipe("balanced", epochs=2, train=60, held=40)))
    said = g2d("diagnose", path, "--seeds", "1", "--json", "--out", tmp_path / "out")
    assert (said.status, said.err) == (0, "")
    found = said.json()
    assert found["verdict"] == "unclear"  # one seed shows nothing of the spread over seeds
    assert found["modalities"]["quick"]["teacher"]["low"] is None
    assert found["headline"] == "Not enough training runs to tell"
    # five times the seeds for five times the minutes, or epochs would be cut
    assert found["next"]["command"].endswith("--seeds 5")
    assert "--budget-minutes 50 " in found["next"]["command"]
    parse(shlex.split(found["next"]["command"])[1:])
    refused = g2d("diagnose", path, "--target", "y")
    assert "--target: the recipe names its target; leave it out" in refused.err


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        ((), "--target: give the column"),
        (("--target", "z"), "z"),
        (("--target", "y", "--budget-minutes", "0"), "budget-minutes: got 0, expected more than 0"),
        (("--target", "y", "--seeds", "0"), "seeds: got 0, expected 1 to 10"),
    ],
)
def test_what_cannot_be_done_is_refused_in_a_line(g2d, tmp_path, arguments, line):  # noqa: F811
    said = g2d("diagnose", write(tmp_path / "t.csv", 20), *arguments, "--out", tmp_path / "out")
    assert said.status == 2
    assert said.err.startswith("g2d diagnose: ")
    assert line in said.err
    assert said.err.count("\n") == 1
    assert not (tmp_path / "out" / "runs").exists()


def test_the_rows_that_choose_are_training_rows_of_every_class():
    whole = MadeData("balanced", train=70, held=10).splits()
    own, other = (choose_on_train(whole, seed) for seed in (0, 1))
    chosen = own.val.rows.tolist()
    assert sorted([*own.train.rows.tolist(), *chosen]) == list(range(70))
    assert len(chosen) == 10
    assert torch.equal(own.val.target.bincount(), torch.tensor([5, 5]))
    assert own.test is whole.test
    assert other.val.rows.tolist() != chosen
    assert choose_on_train(whole, 0).val.rows.tolist() == chosen
    assert len({s.spec.fingerprint for s in (whole, own, other)}) == 3


@pytest.mark.parametrize("each", [2, 3, 6, 7, 8, 20])
def test_small_classes_choose_as_many_rows_as_large_ones(each):
    """99 classes of six rows had one row that chose, and so training ended at once."""
    whole = MadeData("balanced", train=70, held=10).splits()
    target = np.random.default_rng(each).permutation(np.arange(99).repeat(each))
    inputs = {name: np.zeros((len(target), 8), np.float32) for name in ("quick", "slow")}
    own = choose_on_train(Splits(whole.spec, ArraySplit(inputs, target), whole.val, whole.test), 0)
    assert len(own.val) == 99 * each // 7
    chosen = own.val.target.bincount(minlength=99)
    assert int(chosen.max()) - int(chosen.min()) <= 1
    assert set(own.train.target.tolist()) == set(range(99))


def test_the_rows_that_judge_neither_train_nor_choose():
    whole = MadeData("balanced", train=70, held=10).splits()
    own = choose_on_train(whole, 0)
    assert own.train.split is own.val.split is whole.train
    assert not set(own.train.rows.tolist()) & set(own.val.rows.tolist())


def test_the_same_question_has_the_same_plan_and_another_one_of_its_own(tmp_path):
    recipe = recipe_from(made_recipe("balanced", 0))
    splits = build_splits(recipe)
    fabric = training_settings(recipe).make_fabric()

    def epochs(minutes, seeds):
        return _plan(recipe, splits, tmp_path, minutes, seeds, fabric)

    assert epochs(10, 4).seeds == 4
    kept = json.loads((tmp_path / "plan.json").read_text())
    kept.pop("checksum")
    (tmp_path / "plan.json").write_text(json.dumps({**kept, "epochs": 7}))
    assert epochs(10, 4).epochs == 7
    assert epochs(10, 2).seeds == 2


def test_a_class_with_few_rows_trains():
    whole = MadeData("balanced", train=12, held=10).splits()
    target = np.array([0] * 9 + [1] * 3)
    train = ArraySplit({name: np.zeros((12, 8), np.float32) for name in ("quick", "slow")}, target)
    own = choose_on_train(Splits(whole.spec, train, whole.val, whole.test), 0)
    assert int((own.train.target == 1).sum()) == 3
    assert len(own.val) == 1
    tiny = ArraySplit(
        {name: np.zeros((1, 8), np.float32) for name in ("quick", "slow")}, target[:1]
    )
    with pytest.raises(UserError, match="expected 2 or more"):
        choose_on_train(Splits(whole.spec, tiny, whole.val, whole.test), 0)


def test_rows_without_a_modality_stay_without_it_in_a_part():
    whole = MadeData("balanced", train=70, held=10).splits()
    mask = np.arange(70) % 3 > 0
    train = ArraySplit(whole.train.inputs, whole.train.target.numpy(), {"slow": mask})
    own = choose_on_train(Splits(whole.spec, train, whole.val, whole.test), 0)
    for part in (own.train, own.val):
        assert part.present["slow"].tolist() == mask[part.rows.numpy()].tolist()
