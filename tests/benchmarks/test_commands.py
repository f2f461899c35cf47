"""The benchmarks' commands run and write what they promise, on very little."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from g2d.data.datasets.avmnist.prepare import prepare

ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: object) -> None:
    command = [sys.executable, ROOT / "benchmarks" / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.slow
def test_accuracy_goes_on_with_the_cells_it_has(real_data, tmp_path):
    store = prepare(
        real_data / "mnist",
        real_data / "fsdd" / "recordings",
        tmp_path / "store",
        train_pairs=60,
        val_pairs=30,
        test_pairs=30,
    )
    rows = ("joint", "UME (mean of teachers)", "G²D, sum, heldout, branch (default)")
    arguments = ("avmnist", "--data", store, "--seeds", 0, 1, "--jobs", 1)
    arguments += ("--out", tmp_path / "runs", "--result", tmp_path / "result.json")
    run("accuracy.py", *arguments, "--only", *rows[:2])
    run("accuracy.py", *arguments, "--only", *rows)
    result = json.loads((tmp_path / "result.json").read_text())
    assert tuple(result["rows"]) == rows
    assert all(len(r["accuracy"]["test"]["fused"]["values"]) == 2 for r in result["rows"].values())
    cells = [path for path in (tmp_path / "runs").iterdir() if (path / "result.json").exists()]
    assert len(cells) == 2 * len(rows)


@pytest.mark.slow
def test_step_measures_every_variant(tmp_path):
    result = tmp_path / "step.json"
    run("step.py", "--rounds", 1, "--warmup", 0, "--device", "cpu", "--result", result)
    found = json.loads(result.read_text())["variants"]
    assert found["engine, joint"]["ratio"] == 1
    assert all(row["peak_MiB"] > 100 and row["median_ms"] > 0 for row in found.values())
