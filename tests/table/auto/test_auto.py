"""`method: auto` on little tables: who is kept, what is shared, what resumes, what it costs."""

from __future__ import annotations

import io
import re
import time

import numpy as np
import pytest
from sklearn.datasets import load_digits

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d import UserError
from g2d.benchmark.report.write import write_report
from g2d.files import read_json
from g2d.recipes.recipe import recipe_from, with_changes
from g2d.runs.run import Run
from g2d.table.auto import round_folder
from g2d.table.auto.auto import train_auto
from g2d.table.auto.budget import Budget
from g2d.table.auto.candidates import _METHODS, DISTILLED
from runs.made import made_recipe


def made(case="balanced", **options):
    recipe = made_recipe(case, epochs=2, train=120, held=80, **options)
    return recipe_from({**recipe, "method": "auto"})


@pytest.fixture
def digits(tmp_path):
    """A table of two views of digits and one of noise, which is read as `tabular`."""
    X, y = load_digits(n_class=4, return_X_y=True)
    X, y = X[:360], y[:360]
    noise = np.random.default_rng(0).normal(size=(len(X), 6))
    columns = [f"left{i}" for i in range(16)] + [f"right{i}" for i in range(16)]
    columns += [f"noise{i}" for i in range(6)]
    views = np.concatenate([X[:, 16:32], X[:, 32:48], noise], axis=1)
    lines = [",".join([*columns, "digit"])]
    lines += [
        ",".join([*(f"{v:.3g}" for v in row), "abcd"[k]]) for row, k in zip(views, y, strict=True)
    ]
    file = tmp_path / "digits.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def board(folder):
    return read_json(folder / "leaderboard.json")


def names(found):
    return [line["name"] for line in found["candidates"] if not line["floor"]]


def test_all_are_compared_and_the_kept_one_is_an_ordinary_run(tmp_path):
    folder = train_auto(made(), tmp_path / "runs")
    found = board(folder)
    assert sorted(names(found)) == [
        "blend",
        "ensemble",
        "g2d",
        "joint",
        "quick alone",
        "slow alone",
    ]
    assert found["rows"] == 80
    best = next(line for line in found["candidates"] if not line["floor"])
    assert best["behind"] == 0
    scores = [line["score"] for line in found["candidates"]]
    assert scores == sorted(scores, reverse=True)
    floors = {line["name"] for line in found["candidates"] if line["floor"]}
    assert {"guess (floor)", "linear (floor)", "boosting (floor)"} <= floors
    run = Run(folder, trust=True)
    assert run.recipe.method == found["kept"]["method"]
    assert list(run.model.modalities) == found["kept"]["modalities"]
    assert found["test"]["accuracy"] == run.result["test"]["accuracy"]["fused"]
    page = write_report(tmp_path / "runs", tmp_path / "page.html").page.read_text()
    (shown,) = page.split('aria-label="Candidates of ')[1:]
    shown = shown.partition("</table>")[0]
    assert re.findall('<th scope="row">(.*?)</th>', shown) == [
        line["name"] for line in found["candidates"]
    ]
    (kept,) = re.findall('<th scope="row">([^<]*)</th>(?:(?!<tr>).)*>kept<', shown)
    assert kept == found["kept"]["line"]
    assert f">{best['score']:.3f} ± {best['error']:.3f}<" in shown
    assert not list((folder / "auto").glob("*/runs"))  # predictions are kept, models are not
    with pytest.raises(UserError, match=r"holds a finished run; add --resume"):
        train_auto(made(), tmp_path / "runs")
    assert train_auto(made(), tmp_path / "runs", resume=True) == folder


def test_test_rows_are_measured_by_the_kept_run_alone(tmp_path, monkeypatch):
    forget = round_folder.RoundFolder.forget
    results = []

    def looked_at(self):
        results.extend(self.runs.rglob("result.json"))
        assert results
        assert not any("test" in read_json(file) for file in results)
        forget(self)

    monkeypatch.setattr(round_folder.RoundFolder, "forget", looked_at)
    train_auto(made(), tmp_path)
    assert len(results) == 4  # two teachers, which all share, joint and G²D


@pytest.mark.parametrize("after", ["teach", "train"])
def test_what_has_predicted_is_not_trained_again(tmp_path, monkeypatch, after):
    whole = board(train_auto(made(), tmp_path / "whole"))
    trained: list[str] = []

    def counting(kind, stop):
        run = getattr(round_folder.RoundFolder, kind)

        def wrapped(self, *arguments):
            run(self, *arguments)
            trained.append(kind)
            if stop:
                raise KeyboardInterrupt

        return wrapped

    with monkeypatch.context() as patch:
        patch.setattr(round_folder.RoundFolder, after, counting(after, stop=True))
        with pytest.raises(KeyboardInterrupt):
            train_auto(made(), tmp_path / "halves")
    with pytest.raises(UserError, match=r"holds an unfinished run; add --resume to go on with"):
        train_auto(made(), tmp_path / "halves")
    trained.clear()
    for kind in ("teach", "train"):
        monkeypatch.setattr(round_folder.RoundFolder, kind, counting(kind, stop=False))
    folder = train_auto(made(), tmp_path / "halves", resume=True)
    assert trained == (["train", "train"] if after == "teach" else ["train"])
    resumed = board(folder)
    for found in (whole, resumed):
        del found["seconds"]
        for one in found["candidates"]:
            del one["seconds"]
    assert resumed == whole


def test_a_damaged_prediction_is_named_and_made_again_where_it_is_gone(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("g2d.table.auto.auto.train", None)  # killed when all have been compared
        with pytest.raises(TypeError):
            train_auto(made(), tmp_path)
    (run,) = (path for path in tmp_path.iterdir() if (path / "auto").is_dir())
    file = min((run / "auto").rglob("*.npz"))
    content = file.read_bytes()
    file.write_bytes(content[:-40])
    expected = rf"{file} is cut short or damaged \(.+\); delete it, and .* --resume makes it again$"
    with pytest.raises(UserError, match=expected):
        train_auto(made(), tmp_path, resume=True)
    file.unlink()
    train_auto(made(), tmp_path, resume=True)
    with np.load(file) as again, np.load(io.BytesIO(content)) as before:
        np.testing.assert_array_equal(again["logits"], before["logits"])


def test_noise_is_found_useless_and_left_out(g2d, digits, tmp_path):  # noqa: F811
    out = tmp_path / "runs"
    said = g2d(
        "train",
        digits,
        "--target",
        "digit",
        "--out",
        out,
        "--training.epochs",
        "8",
        "--training.learning_rate",
        "0.01",
        "--method.folds",
        "2",
        "--method.prefer",
        "simplest",
    )
    assert said.status == 0, said.err
    assert "the simplest within one standard error of the best" in " ".join(said.out.split())
    assert "2 folds of train and validation" in said.out
    found = board(out / "digits-auto-seed0")
    assert found["useless"] == ["tabular"]
    assert found["rows"] == 306  # train and validation, each row once
    scores = {line["name"]: line["score"] for line in found["candidates"]}
    assert scores["tabular alone"] < 0.45 < 0.8 < min(scores["ensemble"], scores["joint"])
    assert "tabular" not in found["kept"]["modalities"]
    row = digits.read_text().splitlines()[:4]
    (tmp_path / "new.csv").write_text("\n".join(row) + "\n")
    run = out / "digits-auto-seed0"
    for words in (
        ("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "said.csv"),
        ("evaluate", run, "--split", "val"),
        ("export", run, "--format", "torch", "--out", tmp_path / "model.pt2"),
    ):
        done = g2d(*words)
        assert done.status == 0, done.err
    assert len((tmp_path / "said.csv").read_text().splitlines()) == 4


def test_what_does_not_fit_is_left_out_and_said(tmp_path, monkeypatch):
    monkeypatch.setattr(Budget, "has", lambda self, *seconds: False)
    recipe = made()
    method = {"name": "auto", "budget_minutes": 0.01}
    found = board(train_auto(recipe.with_method(method), tmp_path))
    assert set(found["left_out"]) == {"joint", "g2d"}
    assert sorted(names(found)) == ["ensemble", "quick alone", "slow alone"]


def test_what_diverges_is_left_out_and_said(tmp_path, monkeypatch):
    """The weight of the G²D loss is beyond what training bears."""
    monkeypatch.setitem(_METHODS, DISTILLED, {"name": "g2d", "alpha": 1e30})
    found = board(train_auto(made(), tmp_path))
    assert found["left_out"] == {"g2d": "diverged"}
    assert sorted(names(found)) == ["blend", "ensemble", "joint", "quick alone", "slow alone"]


def test_a_budget_is_of_process_time_and_of_all_sessions():
    budget = Budget(10.0, before=4.0)
    time.sleep(0.05)
    assert budget.spent == pytest.approx(4.0, abs=0.04)  # who sleeps spends nothing
    assert budget.has(4.0)
    assert not budget.has(6.0)
    assert Budget(None).has(1e9)


@pytest.mark.parametrize(
    ("method", "line"),
    [
        ({"name": "auto", "folds": 0}, "folds must be from 1 to 20, got 0"),
        ({"name": "auto", "budget_minutes": -1}, "budget_minutes must be above 0, got -1"),
        ({"name": "auto", "weights": "fitted"}, "method.weights: no such option"),
    ],
)
def test_options_are_checked_before_anything_is_written(tmp_path, method, line):
    with pytest.raises(UserError, match=line):
        train_auto(made().with_method(method), tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_several_devices_are_refused_before_their_processes_are_started(tmp_path):
    recipe = with_changes(made(), [("training.devices", 2)])
    with pytest.raises(UserError, match=r"method: auto .* on one device, got devices 2; leave"):
        train_auto(recipe, tmp_path / "runs")
    assert not (tmp_path / "runs").exists()


def test_epochs_that_are_given_are_kept_and_others_follow_the_rows(tmp_path):
    assert Run(train_auto(made(), tmp_path)).about["training"]["epochs"] == 2
