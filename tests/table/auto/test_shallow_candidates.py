"""Predictors of scikit-learn that `auto` keeps: the run folder is that of any other model."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.files import read_json
from g2d.runs.run import Run


@pytest.fixture(params=["boosting", "linear"])
def table(tmp_path, request):
    """Steps in two columns, which trees find; or a word and a slope, which a linear model does."""
    rng = np.random.default_rng(0)
    file = tmp_path / "data.csv"
    with file.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["a", "b", "note", "target"])
        for _ in range(240):
            a, b = rng.normal(size=2)
            words = rng.choice(["red", *(f"word{n}" for n in range(40))], size=9).tolist()
            said = 10 * (a > 0) * (b > 0) if request.param == "boosting" else 3 * a
            said += 8 * ("red" in words) if request.param == "linear" else 0
            cells = [f"{a:.4f}", f"{b:.4f}", " ".join(words), f"{said + rng.normal() / 5:.4f}"]
            writer.writerow(cells if rng.random() > 0.1 else [*cells[:2], "", cells[3]])
    return file, request.param


def test_it_is_kept_and_predicts_is_exported_and_evaluated(g2d, table, tmp_path):  # noqa: F811
    file, expected = table
    out = tmp_path / "runs"
    words = ("--target", "target", "--out", out, "--training.epochs", "2", "--method.folds", "1")
    done = g2d("train", file, *words, "--method", "auto", "--method.prefer", "simplest")
    assert done.status == 0, done.err
    (run,) = out.glob("*-auto-seed0")
    board = read_json(run / "leaderboard.json")
    assert board["kept"]["method"] == expected, done.out
    assert "linear (floor)" not in {line["name"] for line in board["candidates"]}
    assert Run(run).result["test"]["r2"]["fused"] > 0.8
    result = tmp_path / "said.csv"
    for command in (
        ("predict", run, "--data", file, "--out", result),
        ("evaluate", run, "--split", "test"),
        ("export", run, "--format", "onnx", "--out", tmp_path / "model.onnx"),
    ):
        done = g2d(*command)
        assert done.status == 0, done.err
    with result.open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    error = [abs(float(row["prediction"]) - float(row["target"])) for row in rows]
    assert np.mean(error) < 1.5


def test_one_of_them_by_its_name(g2d, table, tmp_path):  # noqa: F811
    file, _ = table
    words = ("--target", "target", "--out", tmp_path / "runs", "--method")
    assert g2d("train", file, *words, "linear").status == 0
    refused = g2d("train", file, *words, "boosting")
    assert refused.status == 2
    assert "give --data.modalities '[tabular]'" in refused.err
    given = ("--data.modalities", "[tabular]")
    assert g2d("train", file, *words, "boosting", *given, "--name", "trees").status == 0
    refused = g2d("train", file, *words, "linear", "--method.penalty", "1")
    assert refused.status == 2
    assert "method.penalty: linear has no options" in refused.err


def test_rows_without_numbers_leave_trees_among_the_floors(g2d, table, tmp_path):  # noqa: F811
    file, _ = table
    head, *rows = file.read_text().splitlines()
    for place in (3, 50, 90):
        rows[place] = ",".join(["", "", *rows[place].split(",")[2:]])
    file.write_text("\n".join([head, *rows]) + "\n")
    words = ("--target", "target", "--out", tmp_path / "runs", "--training.epochs", "1")
    done = g2d("train", file, *words, "--method.folds", "1", "--method", "auto")
    assert done.status == 0, done.err
    (run,) = (tmp_path / "runs").glob("*-auto-seed0")
    found = {line["name"] for line in read_json(run / "leaderboard.json")["candidates"]}
    assert "boosting (floor)" in found
    assert "boosting" not in found


def test_a_number_is_predicted_by_a_blend(g2d, table, tmp_path):  # noqa: F811
    file, _ = table
    words = ("--target", "target", "--out", tmp_path / "runs", "--training.epochs", "2")
    members = (
        "[{method: linear, weight: 0.5}, {method: boosting, modalities: [tabular], weight: 0.5}]"
    )
    done = g2d("train", file, *words, "--method", "blend", "--method.members", members)
    assert done.status == 0, done.err
    (run,) = (tmp_path / "runs").glob("*-blend-seed0")
    assert Run(run).result["test"]["r2"]["fused"] > 0.5
    assert [one["method"] for one in Run(run).result["members"]] == ["linear", "boosting"]
    wrong = "[{method: linear}, {method: boosting}]"
    refused = g2d("train", file, *words, "--method", "blend", "--method.members", wrong)
    assert refused.status == 2
    assert "method.members[1]: method: boosting reads no words, as note has" in refused.err


def test_one_modality_is_compared_whatever_the_fusion(g2d, table, tmp_path):  # noqa: F811
    file, _ = table
    words = ("--target", "target", "--out", tmp_path / "runs", "--training.epochs", "1")
    more = ("--method.folds", "1", "--fusion", "concat", "--data.modalities", "[tabular]")
    done = g2d("train", file, *words, "--method", "auto", *more)
    assert done.status == 0, done.err
    (run,) = (tmp_path / "runs").glob("*-auto-seed0")
    names = {line["name"] for line in read_json(run / "leaderboard.json")["candidates"]}
    assert {"blend", "linear", "boosting", "tabular alone"} <= names
