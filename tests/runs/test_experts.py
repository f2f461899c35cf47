"""Experts in a run: of a recipe's words, of estimators; kept as numbers, and no pickle."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier, VotingClassifier
from sklearn.tree import DecisionTreeClassifier

from g2d import UserError
from g2d.recipes.experiment import resolve
from g2d.runs.evaluate import evaluate_run
from g2d.runs.experts import identity_of
from g2d.runs.run import Run
from g2d.runs.train import train
from runs.test_floors import recipe, table


def files(folder):
    return {file.name for file in folder.rglob("*") if file.is_file()}


@pytest.mark.parametrize("experts", [{"first": "boosting"}, {"first": "svm", "second": "linear"}])
@pytest.mark.parametrize("method", ["g2d", "umt"])
def test_experts_teach_in_the_place_of_networks(tmp_path, method, experts):
    run = train(recipe(table(tmp_path), method, experts=experts), tmp_path / "runs")
    result = json.loads((run / "result.json").read_text())
    assert set(result["teachers"]["experts"]) == set(experts)
    assert set(result["teachers"]["folders"]) == {"first", "second"} - set(experts)
    assert set(result["floors"]["weights"]) == {"first", "second"}
    assert result["floors"]["test"]["single"]["accuracy"] > 0.85
    own = tmp_path / "runs" / result["teachers"]["experts"]["first"]
    assert files(own) == {"run.json", "result.json", "logits.npz"}
    with np.load(own / "logits.npz", allow_pickle=False) as said:
        assert {name: len(said[name]) for name in said} == {"train": 60, "val": 30, "test": 30}
    # the student is one network, which needs none of them
    for folder in (tmp_path / "runs" / "teachers").iterdir():
        for file in folder.rglob("*"):
            file.unlink()
    measured = evaluate_run(Run(run), "test")
    assert measured.metrics["accuracy"]["fused"] == result["test"]["accuracy"]["fused"]


def test_experts_are_fitted_once_and_anew_where_their_file_is_damaged(tmp_path, monkeypatch):
    asked = recipe(table(tmp_path), "g2d_loss", experts={"first": "linear", "second": "linear"})
    first = train(asked, tmp_path, name="one")
    with monkeypatch.context() as patched:
        patched.setattr("g2d.runs.experts.fit_expert", None)
        second = train(asked, tmp_path, name="two")
    (place,) = (tmp_path / "teachers").glob("*first-linear*")
    (place / "logits.npz").write_bytes(b"PK")
    third = train(asked, tmp_path, name="three")
    said = [json.loads((run / "result.json").read_text()) for run in (first, second, third)]
    assert said[0]["test"] == said[1]["test"] == said[2]["test"]


def test_the_logits_of_the_expert_are_what_the_branch_learns(tmp_path):
    """Taught nothing but an expert that is always wrong, the student is wrong."""

    class Contrary(HistGradientBoostingClassifier):
        def predict_proba(self, X):
            return super().predict_proba(X)[:, ::-1]

    options = {"name": "g2d_loss", "alpha": 0, "beta": 100.0, "gamma": 0}
    asked = recipe(table(tmp_path), options, experts={"first": "linear", "second": "linear"})
    asked.training.update(epochs=30, learning_rate=0.01, optimizer="adamw")
    run = train(asked, tmp_path, name="right", floors=False)
    right = json.loads((run / "result.json").read_text())["test"]["accuracy"]["first"]
    estimators = {name: Contrary(min_samples_leaf=5) for name in ("first", "second")}
    run = train(asked, tmp_path, name="wrong", floors=False, experts=estimators)
    result = json.loads((run / "result.json").read_text())
    assert right > 0.85
    assert result["test"]["accuracy"]["first"] < 0.4
    assert "Contrary" in result["teachers"]["experts"]["first"]


def test_what_cannot_be_is_refused_before_anything_is_trained(tmp_path):
    file = table(tmp_path)
    with pytest.raises(UserError, match=r"experts.third: the data has no such modality; it has f"):
        resolve(recipe(file, "g2d", experts={"third": "linear"}))
    with pytest.raises(UserError, match=r"experts.first: there is no expert 'xgb'; known: boos"):
        resolve(recipe(file, "g2d", experts={"first": "xgb"}))
    with pytest.raises(UserError, match="experts: ume is the networks' ensemble"):
        resolve(recipe(file, "ume", experts={"first": "linear"}))
    assert resolve(recipe(file, "joint", experts={"first": "linear"})).plan.label == "joint"
    assert torch.is_tensor(resolve(recipe(file, "joint")).splits.train.target)


def voters(trees):
    """An estimator whose words are longer than those that tell two of them apart."""
    many = [(f"tree_{place}", DecisionTreeClassifier(max_depth=2)) for place in range(30)]
    return VotingClassifier(
        [*many, ("last", DecisionTreeClassifier(max_depth=trees))], voting="soft"
    )


def test_an_expert_is_told_apart_by_all_of_its_parameters(tmp_path):
    assert identity_of(voters(3)) == identity_of(clone(voters(3)))
    assert identity_of(voters(3)) != identity_of(voters(4))
    asked = recipe(table(tmp_path), "g2d_loss")
    folders = []
    for trees in (3, 4):
        estimators = {name: voters(trees) for name in ("first", "second")}
        run = train(asked, tmp_path, name=f"run{trees}", floors=False, experts=estimators)
        result = json.loads((run / "result.json").read_text())
        folders.append((run.name, *result["teachers"]["experts"].values()))
    assert not set(folders[0]) & set(folders[1])
    with pytest.raises(UserError, match="experts"):
        train(asked, tmp_path, name=folders[0][0], resume=True, experts={"first": voters(5)})
