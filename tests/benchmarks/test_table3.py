"""Table 3 from one command: the numbers of the runs beside those of the paper."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml

from data.datasets.misme.miniature import write_miniature
from g2d.catalog import METHODS
from g2d.data.datasets.misme import prepare
from g2d.experiment.build import plan_method
from g2d.experiment.recipe import recipe_from

ROOT = Path(__file__).parents[2]
RECIPE = {
    "data": {"name": "misme"},
    "encoders": {
        "image": {"name": "small_cnn", "channels": 3, "width": 8},
        "tabular": {"name": "mlp", "inputs": 8, "width": 16},
    },
    "training": {"epochs": 2, "batch_size": 16, "learning_rate": 0.05, "accelerator": "cpu"},
}


def load(name):
    """A benchmark's script as a module."""
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.slow
def test_one_command_makes_the_table_and_goes_on_with_the_cells_it_has(tmp_path):
    write_miniature(tmp_path / "original", captures=10)
    store = prepare(tmp_path / "original", tmp_path / "store", side=16, workers=0)
    recipe = tmp_path / "tiny.yaml"
    recipe.write_text(json.dumps(RECIPE))
    rows = list(table_rows())
    arguments = ["--data", store, "--seeds", 0, 1, "--recipe", recipe, "--out", tmp_path / "runs"]
    arguments += ["--result", tmp_path / "result.json"]
    said = run(*arguments, "--only", "joint")
    said = run(*arguments, "--only", *rows)
    result = json.loads((tmp_path / "result.json").read_text())
    assert set(result["rows"]) == {"image alone", "tabular alone", *rows}

    cells = [path.parent for path in (tmp_path / "runs").glob("*/result.json")]
    assert len(cells) == 2 * len(rows), "no cell was done twice"
    joint = [json.loads((cell / "result.json").read_text()) for cell in cells]
    joint = [cell["test"] for cell in joint if cell["method"] == "joint"]
    mape = 100 * np.array([cell["mape"]["fused"] for cell in joint])
    rmse = np.array([cell["rmse"]["fused"] for cell in joint])
    line = next(line for line in said.splitlines() if line.startswith("| joint |"))
    cells_of_line = [cell.strip() for cell in line.strip("|").split("|")]
    assert cells_of_line[1] == f"{mape.mean():.2f} ± {mape.std(ddof=1):.2f}"
    assert (cells_of_line[2], cells_of_line[4]) == ("14.62", "0.42")
    assert cells_of_line[5] == f"{rmse.mean():.4f} ± {rmse.std(ddof=1):.4f}"
    teachers = [
        json.loads(path.read_text())
        for path in (tmp_path / "runs" / "teachers").glob("misme-image-*/result.json")
    ]
    found = result["rows"]["image alone"]["r2"]["test"]["fused"]["mean"]
    assert found == pytest.approx(np.mean([one["test"]["r2"]["fused"] for one in teachers]))


def run(*arguments):
    command = [sys.executable, ROOT / "benchmarks" / "table3.py", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def table_rows():
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        return load("table3").ROWS
    finally:
        sys.path.pop(0)


def known():
    return {*METHODS, "joint+smp"}


def test_every_row_is_a_method_that_takes_these_options():
    for label, method in table_rows().items():
        assert method["name"] in known(), label
        plan = plan_method(recipe_from({**RECIPE, "method": method}), ("image", "tabular"))
        assert plan.label == method["name"], label


def test_the_numbers_of_the_paper_are_beside_rows_of_the_table():
    """Table 3 as printed: tabular, image, joint training, MIS-ME, G²D."""
    paper = yaml.safe_load((ROOT / "benchmarks" / "paper" / "table3.yaml").read_text())
    labels = ["tabular alone", "image alone", "joint", "MIS-ME, hybrid loss", "G²D"]
    assert list(paper["rows"]) == labels
    assert set(labels[2:]) <= set(table_rows())
    assert [paper["rows"][label]["mape"] for label in labels] == [15.49, 8.22, 14.62, 7.52, 7.01]
    assert [paper["rows"][label]["r2"] for label in labels] == [0.34, 0.76, 0.42, 0.80, 0.82]
