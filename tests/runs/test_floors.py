"""Floors beside the result of a table's run: the same samples, for every method, kept for all."""

from __future__ import annotations

import json
import re

import numpy as np
import pytest
import torch

from g2d import Classification, Regression
from g2d.cli.show_run import show_run
from g2d.recipes.experiment import resolve
from g2d.recipes.recipe import recipe_from
from g2d.runs.floors import joint_floor, measure_floors, shallow_floors
from g2d.runs.run import Run
from g2d.runs.train import train
from g2d.shallow.floors import Floors
from toy import toy_recipe


def table(folder, rows=120):
    """Two blocks of numbers, of which the first tells a class of one in four."""
    rng = np.random.default_rng(0)
    first, second = rng.normal(size=(2, rows, 2))
    first = first.round(3)
    label = np.where(first[:, 0] > 0.67, "rare", "common")
    lines = ["a,b,c,d,label,split"]
    for row in range(rows):
        part = "train" if row < 60 else "val" if row < 90 else "test"
        cells = [f"{value:.3f}" for value in [*first[row], *second[row]]]
        lines.append(",".join([*cells, label[row], part]))
    file = folder / "own.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def recipe(file, method, **changes):
    kinds = {"first": ["a", "b"], "second": ["c", "d"]}
    modalities = {name: {"kind": "features", "columns": own} for name, own in kinds.items()}
    data = {"name": "table", "table": str(file), "target": "label", "modalities": modalities}
    data |= {"split": {"column": "split"}, "cache": str(file.parent / "cache")}
    training = {**toy_recipe(epochs=1)["training"], "batch_size": 30}
    return recipe_from({"data": data, "method": method, "training": training, **changes})


@pytest.mark.parametrize("method", ["joint", "g2d_loss"])
def test_every_method_of_a_table_has_its_floors_beside_it(tmp_path, method):
    asked = recipe(table(tmp_path), method)
    run = train(asked, tmp_path / "runs")
    result = json.loads((run / "result.json").read_text())
    splits, floors = resolve(asked).splits, result["floors"]
    assert result["uneven"] is True
    assert floors["reads"]["boosting"] == ["first", "second"]
    for name in ("val", "test"):
        truth = splits.named()[name].target.numpy()
        guessed = floors[name]["guess"]["accuracy"]
        assert guessed == pytest.approx(np.bincount(truth).max() / len(truth))
        fused = result[name]["accuracy"]["fused"]
        for floor in ("guess", "boosting", "linear", "svm"):
            assert (floor in floors[name]["above"]) == (floors[name][floor]["accuracy"] > fused)
        assert ("ensemble" in floors[name]) == (method == "g2d_loss")
        assert set(floors[name]["clearly"]) <= set(floors[name]["above"])
    assert floors["test"]["svm"]["accuracy"] > 0.85


def test_floors_are_fitted_once_for_all_runs_and_anew_where_their_file_is_damaged(
    tmp_path, monkeypatch
):
    splits = resolve(recipe(table(tmp_path), "joint")).splits
    first = shallow_floors(splits, tmp_path)
    (file,) = (tmp_path / "floors").iterdir()
    before = file.read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr("g2d.runs.floors.fit_floors", None)
        again = shallow_floors(splits, tmp_path)
    assert again.reads == first.reads
    assert again.notes == first.notes
    for name, said in first.logits.items():
        for split, logits in said.items():
            torch.testing.assert_close(again.logits[name][split], logits)
    file.write_bytes(before[:100])
    assert shallow_floors(splits, tmp_path).logits.keys() == first.logits.keys()
    assert len(file.read_bytes()) == len(before)
    assert set(shallow_floors(splits.without_test(), tmp_path).logits["svm"]) == {"val"}
    assert len(list((tmp_path / "floors").iterdir())) == 2


def test_a_lead_of_less_than_its_standard_error_is_not_clear():
    task, target = Classification(2), torch.zeros(100, dtype=torch.int64)
    right, wrong = torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0])

    def said(share):
        return torch.stack([right if row < share else wrong for row in range(100)])

    def found(floor, model):
        shallow = Floors(task, {"linear": {"test": floor}}, {"linear": ("a",)})
        return measure_floors(task, {"test": model}, {"test": target}, shallow)["test"]

    assert found(said(80), said(80))["above"] == []
    assert found(said(90), said(80))["clearly"] == ["linear"]
    # 40 right that the model had wrong, and 39 the other way: 0.01 ± 0.09
    other = torch.stack([wrong if row < 39 else right if row < 79 else wrong for row in range(100)])
    model = torch.stack([right if row < 39 else wrong for row in range(100)])
    assert found(other, model)["above"] == ["linear"]
    assert found(other, model)["clearly"] == []


def test_of_a_number_the_lesser_error_is_above():
    target = torch.linspace(0, 10, 50)
    task = Regression.fit(target)
    guess = task.constant(target)
    close = ((target.clamp(0.1, 9.9)) / 10).logit()[:, None]
    shallow = Floors(task, {"guess": {"test": guess}, "svm": {"test": close}}, {})
    found = measure_floors(task, {"test": guess}, {"test": target}, shallow)["test"]
    assert found["above"] == found["clearly"] == ["svm"]
    assert found["guess"]["mae"] == pytest.approx((target - target.mean()).abs().mean().item())


def test_joint_training_is_a_floor_where_it_lies_beside_the_run(tmp_path, capsys):
    file, out = table(tmp_path), tmp_path / "runs"
    own = Run(train(recipe(file, "mslr"), out))
    assert joint_floor(own) is None
    joint = Run(train(recipe(file, "joint"), out))
    found = joint_floor(own)
    said, other = own.metrics["accuracy"]["fused"], joint.metrics["accuracy"]["fused"]
    assert found["accuracy"] == other
    assert found["above"] == (other > said)
    assert joint_floor(joint) is None
    show_run(own.path, out)
    assert re.search(rf"joint training, same recipe +{other:.4f}", capsys.readouterr().out)
    train(recipe(file, "joint", seed=1), out)
    assert joint_floor(Run(train(recipe(file, "mslr", seed=1, fusion="sum"), out))) is None


def test_floors_are_measured_by_what_selects_each_with_a_threshold_of_its_own():
    """An SVM that is right at 1/2 is no worse for the threshold that a shy model needs."""
    task = Classification(2, selects="uar", threshold="validation")
    target = torch.tensor([0] * 95 + [1] * 5)
    shares = torch.where(target == 1, 0.02, 0.01)  # right, but far below 1/2
    shy = torch.stack([1 - shares, shares], dim=1).log()
    sure = torch.stack([1.0 - target, target.float()], dim=1) * 9
    guess = torch.tensor([3.0, 0.0]).expand(100, 2)
    both = {"val": target, "test": target}
    shallow = Floors(
        task, {"guess": dict.fromkeys(both, guess), "svm": dict.fromkeys(both, sure)}, {}
    )
    found = measure_floors(task, dict.fromkeys(both, shy), both, shallow)
    assert found["metric"] == "uar"
    assert found["test"]["svm"]["uar"] == 1.0
    assert found["test"]["guess"]["uar"] == 0.5
    assert found["test"]["above"] == []
