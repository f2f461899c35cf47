"""The benchmarks' commands run and write what they promise, on very little."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from benchmark.datasets.conftest import originals  # noqa: F401 (a fixture)
from g2d.benchmark.datasets.avmnist.prepare import prepare
from g2d.data.missing import Mask
from g2d.recipes.catalog import METHODS
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import recipe_from
from toy import toy_recipe

PAIR = ("near", "far")
ROOT = Path(__file__).parents[2]


def run(script: str, *arguments: object) -> str:
    command = [sys.executable, ROOT / "benchmarks" / script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


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
    rows = ("joint", "UME (mean of teachers)", "G²D, sum, speed, branch (preset printed)")
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
def test_methods_are_tuned_on_validation_and_compared(real_data, tmp_path):
    store = prepare(
        real_data / "mnist",
        real_data / "fsdd" / "recordings",
        tmp_path / "store",
        train_pairs=60,
        val_pairs=30,
        test_pairs=30,
    )
    arguments = ("avmnist", "--methods", "joint", "g2d", "--data", store, "--seeds", 0, 1)
    arguments += ("--out", tmp_path / "runs", "--result", tmp_path / "result.json")
    run("accuracy.py", *arguments)
    result = json.loads((tmp_path / "result.json").read_text())
    for row in result["rows"].values():
        best = max(tried["val"] for tried in row["tried"])
        chosen = next(tried for tried in row["tried"] if tried["val"] == best)
        assert row["setting"] == chosen["setting"]
        assert row["accuracy"]["val"]["fused"]["values"][0] == best
        assert len(row["accuracy"]["test"]["fused"]["values"]) == 2


@pytest.mark.slow
def test_every_row_pays_for_its_teachers(real_data, tmp_path):
    sizes = {"train_pairs": 60, "val_pairs": 30, "test_pairs": 30}
    sources = real_data / "mnist", real_data / "fsdd" / "recordings"
    store = prepare(*sources, tmp_path / "store", **sizes)
    arguments = ("--data", store, "--seeds", 0, "--out", tmp_path / "runs")
    run("price.py", *arguments, "--result", tmp_path / "result.json")
    rows = json.loads((tmp_path / "result.json").read_text())["rows"]
    taught = {name: "with_teachers" in row for name, row in rows.items()}
    assert taught == {name: name.startswith("G²D") for name in rows}
    assert rows["joint"]["price"]["values"] == [1.0]
    for number, name in enumerate(rows):
        folder = tmp_path / "runs" / f"{number}-seed0"
        teachers = 2 if name.startswith(("G²D", "UME")) else 0
        assert len(list(folder.glob("teachers/*/result.json"))) == teachers, name


@pytest.mark.slow
def test_missing_has_the_rates_that_exist_and_the_same_masks_in_every_row(originals, tmp_path):  # noqa: F811
    sizes = {"train_pairs": 60, "val_pairs": 40, "test_pairs": 50}
    folders = originals / "mnist", originals / "fsdd", tmp_path / "store"
    store = prepare(*folders, second_speaker=True, **sizes)
    arguments = ("--data", store, "--rates", 0, 0.5, 0.6, "--seeds", 0, 1, "--epochs", 1)
    arguments += ("--rows", "joint", "UME", "CPM-Nets", "--out", tmp_path / "runs")
    arguments += ("--jobs", 1, "--result", tmp_path / "result.json")
    said = run("missing.py", *arguments)
    assert "avmnist at 0.6 does not exist: got a rate of 0.6, expected 0 to 0.5" in said
    assert "| joint |" in said
    result = json.loads((tmp_path / "result.json").read_text())
    rates = {"avmnist": {"0", "0.5"}, "avmnist3": {"0", "0.5", "0.6"}}
    for dataset, found in result["datasets"].items():
        for row in found["rows"].values():
            assert set(row) == rates[dataset]
            for rate, cell in row.items():
                assert len(cell["accuracy"]["test"]["fused"]["values"]) == 2
                samples = {name: values["n"] for name, values in cell["patterns"].items()}
                assert (sum(samples.values()) == 50) if rate != "0" else not samples
        one, *others = (
            {name: values["n"] for name, values in row["0.5"]["patterns"].items()}
            for row in found["rows"].values()
        )
        assert others == [one, one]
    about = list((tmp_path / "runs").glob("*/mask-test.npz"))
    hashes = {(len(Mask.load(p).modalities), Mask.load(p).rate, Mask.load(p).sha256) for p in about}
    assert len(hashes) == 3  # one for each dataset and rate above 0


@pytest.mark.slow
def test_methods_measures_every_kind_of_epoch(tmp_path):
    result = tmp_path / "methods.json"
    arguments = (
        "--rounds",
        1,
        "--warmup",
        0,
        "--device",
        "cpu",
        "--methods",
        "g2d",
        "umt",
        "reconboost",
    )
    run("methods.py", *arguments, "--setups", "small_cnn-2", "--result", result)
    steps = json.loads(result.read_text())["methods"]["small_cnn-2"]["steps"]
    assert set(steps) == {
        "joint",
        "umt",
        "g2d",
        "reconboost: a boosts",
        "reconboost: b boosts",
        "reconboost: rectification",
    }
    assert steps["joint"]["ratio"] == 1


def test_every_method_has_the_same_budget_of_tuning():
    grid = yaml.safe_load((ROOT / "benchmarks" / "grid.yaml").read_text())
    assert set(METHODS) <= set(grid["methods"])
    for name, settings in grid["methods"].items():
        assert len(settings) == (1 if name == "ume" else 3), name
        assert settings[0] == {}, "the first setting of each is the recipe as it is"
        for setting in settings:
            options = {k.removeprefix("method."): v for k, v in setting.items() if "method." in k}
            plan_method(recipe_from(toy_recipe() | {"method": {"name": name, **options}}), PAIR)


@pytest.mark.slow
def test_step_measures_every_variant(tmp_path):
    result = tmp_path / "step.json"
    few = ("--batch", 2, "--rounds", 1, "--warmup", 0, "--runs", 1)
    run("step.py", *few, "--device", "cpu", "--result", result)
    found = json.loads(result.read_text())["variants"]
    assert found["engine, joint"]["ratio"] == 1
    assert all(row["peak_MiB"] > 10 and row["median_ms"] > 0 for row in found.values())


@pytest.mark.slow
def test_costs_are_kept_by_label(tmp_path):
    result = tmp_path / "costs.json"
    for label in ("one", "other"):
        run("costs.py", "--turns", 1, "--rows", 1200, "--label", label, "--result", result)
    found = json.loads(result.read_text())["measured"]
    assert list(found) == ["one", "other"]
    for row in found.values():
        assert row["small steps"]["mlp"]["bare, joint"]["ratio"] == 1
        assert all(row["start"][kind]["cpu_s"] > 0 for kind in ("warm", "cold"))


@pytest.mark.slow
def test_loading_measures_files_store_and_step(tmp_path):
    result = tmp_path / "loading.json"
    arguments = ("--clips", 2, "--rounds", 1, "--batches", 1, "--device", "cpu")
    run("loading.py", *arguments, "--result", result)
    found = json.loads(result.read_text())["loading"]
    assert set(found) == {"cremad", "vggsound"}
    for row in found.values():
        assert min(row["store_samples_per_s"], row["raw_samples_per_s"]) > 0
        assert row["step_over_batch"]["ratio"] == pytest.approx(row["step_ms"] / row["batch_ms"])
