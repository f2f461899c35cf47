"""The tables of docs/own-data.md, by its commands: from a file to a model and its predictions."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import g2d
from cli.conftest import g2d as command  # noqa: F401 (a fixture)
from g2d.runs.run import Run

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SMALL = ("--training.epochs", 3)


def make(what: str, folder: Path, *options: str) -> Path:
    environment = {**os.environ, "PYTHONPATH": str(Path(g2d.__file__).parents[1])}
    script = [sys.executable, str(EXAMPLES / "make_tables.py"), what, str(folder / what), *options]
    subprocess.run(script, env=environment, check=True)
    return folder / what / "data.csv"


@pytest.fixture
def run(command, tmp_path, monkeypatch):  # noqa: F811
    """Inspects, trains, predicts; returns the folder of the run and the rows predicted."""
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))

    def done(table: Path, target: str, *changes: object) -> tuple[Path, list[dict[str, str]]]:
        said = command("data", "inspect", table, "--target", target)
        assert said.status == 0, said.err
        recipe = tmp_path / "recipe.yaml"
        recipe.write_text(said.out)
        said = command("train", recipe, "--out", tmp_path / "runs", "--name", "run", *changes)
        assert said.status == 0, said.err
        out = tmp_path / "predictions.csv"
        said = command("predict", tmp_path / "runs" / "run", "--data", table, "--out", out)
        assert said.status == 0, said.err
        with out.open(newline="", encoding="utf-8") as stream:
            return tmp_path / "runs" / "run", list(csv.DictReader(stream))

    return done


def test_soil_of_pictures_and_readings(run, tmp_path):
    table = make("soil", tmp_path)
    folder, rows = run(table, "moisture", "--method", "joint", "--training.epochs", 6)
    result = Run(folder).result["test"]
    assert result["r2"]["fused"] > 0.7
    assert len(rows) == 600
    assert all(0 < float(row["prediction"]) < 0.7 for row in rows)


def check_broken(folder: Path, rows: list[dict[str, str]], count: int) -> None:
    assert len(rows) == count
    left = json.loads((folder / "not_used.json").read_text())
    assert {"no target"} <= set(left["rows"].values())
    said = " ".join(why for _, _, why in left["cells"])
    for reason in ("corrupt.png", "0 bytes", "there is no file", "lies outside", "no number"):
        assert reason in said, reason
    assert Run(folder).result["test"]["accuracy"]["fused"] > 0.9
    assert sum(row["prediction"] != "" for row in rows) > 0.99 * count


def test_a_table_in_which_much_is_broken(run, tmp_path):
    table = make("broken", tmp_path, "--rows", "600")
    folder, rows = run(table, "kind", "--method", "joint", *SMALL)
    check_broken(folder, rows, 600)


@pytest.mark.slow
def test_ten_thousand_rows_in_which_much_is_broken(run, tmp_path):
    table = make("broken", tmp_path)
    folder, rows = run(table, "kind", *SMALL)
    check_broken(folder, rows, 10_000)


@pytest.mark.slow
def test_avmnist_as_pictures_and_recordings(run, tmp_path):
    data = os.environ.get("G2D_DATA")
    if not data:
        pytest.skip("needs MNIST and recordings: set G2D_DATA")
    sources = ("--images", f"{data}/mnist", "--speech", f"{data}/fsdd/recordings")
    table = make("avmnist", tmp_path, *sources)
    folder, rows = run(table, "digit", "--method", "joint", "--training.epochs", 6)
    assert Run(folder).result["test"]["accuracy"]["fused"] > 0.75
    assert len(rows) == 2000
