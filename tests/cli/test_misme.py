"""MIS-ME through the command line: files, store, teachers, student, predictions."""

from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.metrics import mean_absolute_percentage_error, r2_score, root_mean_squared_error

from benchmark.datasets.misme.miniature import write_miniature
from benchmark.datasets.misme.tiny import ENCODERS
from g2d.runs.run import Run


@pytest.fixture
def root(tmp_path):
    write_miniature(tmp_path / "original", captures=10)
    return tmp_path / "original"


def test_misme_is_checked_prepared_and_trained(g2d, root, tmp_path):
    said = g2d("data", "check", "misme", "--root", root, "--workers", 0)
    assert (said.status, said.err) == (0, "")
    assert "36 of the 2701 rows of the release" in said.out
    assert "no fault found" in said.out

    store = tmp_path / "store"
    sizes = ("--side", 16, "--workers", 0)
    said = g2d("data", "prepare", "misme", "--root", root, "--out", store, *sizes)
    assert (said.status, said.err) == (0, "")
    assert f"g2d train misme --data.root {store}" in said.out
    for protocol in ("clean", "time"):
        said = g2d("data", "check", "misme", "--root", store, "--protocol", protocol)
        assert (said.status, said.err) == (0, "")
        assert f"misme, policy {protocol}" in said.out
        target = np.load(store / "sample-target.npy").max()
        assert f"to {target:g}" in said.out

    run = ("--data.root", store, *ENCODERS, "--training.epochs", 1, "--out", tmp_path / "runs")
    for method in ("joint", "g2d"):
        said = g2d("train", "misme", *run, "--method", method)
        assert said.status == 0
        folder = tmp_path / "runs" / f"misme-{method}-seed999"
        assert (folder / "learning_curves.png").exists()
        assert_metrics_are_of_the_original_scale(folder, store)
    row = next(line for line in said.out.splitlines() if "rmse, teachers" in line).split()
    teachers = Run(folder).result["teachers"]["folders"]
    assert [float(n) for n in row[3:]] == [
        round(
            Run(tmp_path / "runs" / teachers[m]).result["test"]["rmse"][m],
            4,
        )
        for m in ("image", "tabular")
    ]
    shown = g2d("evaluate", folder, "--json").json()
    assert shown["mape"] == Run(folder).result["test"]["mape"]


def assert_metrics_are_of_the_original_scale(folder, store):
    """The water content that the sheets hold against what the logits stand for."""
    part, vwc = np.load(store / "sample-part.npy"), np.load(store / "sample-target.npy")
    low, high = vwc[part == "train"].min(), vwc[part == "train"].max()
    said = Run(folder).predictions("test")
    truth = vwc[part == "test"]
    np.testing.assert_allclose(said["target"], truth, rtol=1e-6)
    found = json.loads((folder / "result.json").read_text())["test"]
    for name in ("fused", "image", "tabular"):
        predicted = low + (high - low) / (1 + np.exp(-said[f"logits/{name}"][:, 0].astype(float)))
        expected = {
            "mape": mean_absolute_percentage_error(truth, predicted),
            "r2": r2_score(truth, predicted),
            "rmse": root_mean_squared_error(truth, predicted),
        }
        assert {metric: found[metric][name] for metric in expected} == pytest.approx(expected, 1e-4)


def test_a_broken_picture_is_a_line_and_a_status(g2d, root, tmp_path):
    broken = sorted((root / "images").iterdir())[0]
    broken.write_bytes(b"soil")
    said = g2d("data", "check", "misme", "--root", root, "--workers", 0)
    assert said.status == 2
    assert f"fault: {broken.name}: {broken.name} is no picture" in said.out
    said = g2d("data", "prepare", "misme", "--root", root, "--out", tmp_path / "s", "--workers", 0)
    assert said.status == 2
    assert said.err.count("\n") == 1
    assert "allow more by --tolerance 0.017" in said.err


def test_options_are_described(g2d):
    said = g2d("data", "ls", "misme")
    assert "--side (default: 224)" in said.out
    assert "MIS-ME has 224" in said.out


def test_a_run_of_another_protocol_has_other_teachers(g2d, root, tmp_path):
    store = tmp_path / "store"
    g2d("data", "prepare", "misme", "--root", root, "--out", store, "--side", 16, "--workers", 0)
    run = ("--data.root", store, *ENCODERS, "--training.epochs", 1, "--out", tmp_path / "runs")
    for protocol in ("clean", "station"):
        said = g2d("train", "misme", *run, "--data.protocol", protocol, "--name", protocol)
        assert said.status == 0
        result = Run(tmp_path / "runs" / protocol).result
        assert result["protocol"] == protocol
    assert len(list((tmp_path / "runs" / "teachers").iterdir())) == 4
