"""Every command does what its help says, and says what it did."""

from __future__ import annotations

import json
import shlex
import subprocess
import sys

import pytest
import yaml

import g2d as g2d_package
from benchmark.datasets.conftest import originals  # noqa: F401 (a fixture)
from g2d.cli.main import COMMANDS
from g2d.recipes.catalog import METHODS
from g2d.recipes.dataset_catalog import DATASETS
from g2d.recipes.recipe import recipe_text
from g2d.runs.run import Run

ACTIONS = [[c.name] for c in COMMANDS] + [["data", action] for action in ("ls", "prepare", "check")]


@pytest.mark.parametrize("words", ACTIONS, ids=" ".join)
def test_every_help_has_an_example_that_begins_with_the_command(g2d, words):
    said = g2d(*words, "--help")
    assert said.status == 0
    example = said.out.split("example:\n")[1].strip().splitlines()[0]
    assert shlex.split(example)[: len(words) + 1] == ["g2d", *words]
    assert max(map(len, said.out.splitlines())) <= 80


def test_no_command_is_help_and_no_success(g2d):
    said = g2d()
    assert said.status == 2
    for command in COMMANDS:
        assert f"    {command.name} " in said.out


def test_train_prints_the_numbers_of_its_result(g2d, toy_file, tmp_path):
    out = tmp_path / "out"
    said = g2d("train", toy_file(), "--out", out, "--seed", "3")
    assert said.status == 0
    result = Run(out / "toy-g2d-seed3").result
    row = next(line for line in said.out.splitlines() if "accuracy" in line).split()
    assert row[0] == "accuracy"
    assert [float(n) for n in row[1:]] == [
        round(result["test"]["accuracy"][name], 4) for name in ("fused", "near", "far")
    ]
    taught = next(line for line in said.out.splitlines() if "accuracy, teachers" in line).split()
    assert [float(n) for n in taught[3:]] == [
        round(Run(out / place).result["test"]["accuracy"]["fused"], 4)
        for place in result["teachers"]["folders"].values()
    ]
    assert (out / "toy-g2d-seed3" / "learning_curves.png").exists()
    assert str(out / "toy-g2d-seed3") in said.out


def test_a_run_is_shown_in_few_metrics_and_evaluated_in_all(g2d, toy_file, tmp_path):
    trained = g2d("train", toy_file(), "--out", tmp_path)
    taught = g2d("teach", toy_file(), "--out", tmp_path)
    evaluated = g2d("evaluate", tmp_path / "toy-g2d-seed0", "--trust")
    for said, all_of_them in ((trained, False), (taught, False), (evaluated, True)):
        assert said.status == 0
        assert "accuracy" in said.out
        assert "confidence" in said.out
        for metric in ("loss", "uar", "macro_f1"):
            assert (metric in said.out) == all_of_them, metric


def test_changes_may_stand_before_the_recipe(g2d, toy_file, tmp_path):
    said = g2d("train", "--training.epochs", "1", toy_file(), "--method=joint", "--out", tmp_path)
    assert said.status == 0
    assert len(Run(tmp_path / "toy-joint-seed0").epochs) == 1


def test_a_method_without_epochs_has_no_figure(g2d, toy_file, tmp_path):
    assert g2d("train", toy_file(), "--method", "ume", "--out", tmp_path).status == 0
    assert not (tmp_path / "toy-ume-seed0" / "learning_curves.png").exists()


def test_name_and_verbose(g2d, toy_file, tmp_path):
    arguments = ("--method", "joint", "--name", "mine", "--verbose", "--out", tmp_path)
    said = g2d("train", toy_file(), *arguments)
    assert Run(tmp_path / "mine").finished
    assert said.err.count("'epoch': ") == 2


def test_teach_trains_teachers_that_train_then_finds(g2d, toy_file, tmp_path):
    said = g2d("teach", toy_file(), "--out", tmp_path / "out")
    assert said.status == 0
    teachers = sorted((tmp_path / "out" / "teachers").iterdir())
    assert len(teachers) == 2
    made = {path.name for path in (tmp_path / "out").iterdir()}
    assert made == {"teachers", ".locks"}
    for folder in teachers:
        assert str(folder) in said.out
    before = [(folder / "model.safetensors").stat().st_mtime_ns for folder in teachers]
    assert g2d("train", toy_file(), "--out", tmp_path / "out").status == 0
    assert [(folder / "model.safetensors").stat().st_mtime_ns for folder in teachers] == before


def test_evaluate_says_what_the_run_said(g2d, toy_file, tmp_path):
    g2d("train", toy_file(), "--method", "joint", "--out", tmp_path)
    run = tmp_path / "toy-joint-seed0"
    result = Run(run).result
    for split in ("val", "test"):
        said = g2d("evaluate", run, "--trust", "--split", split, "--json")
        assert said.status == 0
        assert {"loss": result[split]["loss"], **said.json()} == result[split]
    said = g2d("evaluate", run, "--trust", "--split", "train")
    assert "toy-joint-seed0, train" in said.out
    assert (run / "predictions-train.npz").exists()


def test_missing_modalities_from_the_command_line(g2d, toy_file, tmp_path):
    said = g2d("train", toy_file(), "--missing.rate", "0.4", "--method", "joint", "--out", tmp_path)
    assert said.status == 0
    assert "toy, joint, test split, missing 0.4 both" in said.out
    run = tmp_path / "toy-joint-seed0-missing-0.4-both"
    result = Run(run).result
    for words in (said.out, g2d("evaluate", run, "--trust").out):
        table = words.split("by what samples have")[1]
        for pattern, values in result["test"]["patterns"].items():
            row = next(line.split() for line in table.splitlines() if line.split()[:1] == [pattern])
            assert row[1:] == [str(values["n"]), f"{values['accuracy']:.4f}"]
    assert g2d("evaluate", run, "--trust", "--json").json() == result["test"]
    said = g2d("train", toy_file(), "--missing.rate", "0.6", "--out", tmp_path / "none")
    assert said.status == 2
    assert said.err == (
        "g2d train: missing: got a rate of 0.6, expected 0 to 0.5: every sample keeps one of its 2 "
        "modalities; lower the rate\n"
    )
    assert not (tmp_path / "none").exists()


def test_regression_is_shown_in_its_own_metrics(g2d, toy_file, tmp_path):
    chosen = toy_file(data={"name": "toy.ToyData", "regression": True})
    said = g2d("train", chosen, "--out", tmp_path)
    for metric in ("mape", "r2", "rmse", "mae"):
        assert f"{metric}, teachers" in said.out
    assert "accuracy" not in said.out
    assert "mpe" not in said.out
    assert "mpe" in g2d("evaluate", tmp_path / "toy-g2d-seed0", "--trust").out


@pytest.mark.parametrize("columns", ["80", "120"])
@pytest.mark.parametrize("words", [("methods",), ("data", "ls"), ("recipes", "ls")])
def test_lists_fit_the_terminal(g2d, monkeypatch, words, columns):
    monkeypatch.setenv("COLUMNS", columns)
    said = g2d(*words)
    assert said.status == 0
    assert max(len(line) for line in said.out.splitlines()) <= int(columns)
    assert "…" not in said.out  # nothing cut off


def test_methods_are_those_of_the_catalog(g2d):
    said = g2d("methods")
    rows = said.out.split("T: needs teachers")[0].splitlines()
    first = [line.split()[0].removesuffix("*") for line in rows if line.strip()]
    assert [word for word in first if word in METHODS] == list(METHODS)


def test_recipes_are_listed_shown_and_copied(g2d, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert g2d("recipes", "ls").out.split()[0] == "avdigits"
    assert g2d("recipes", "show", "avmnist").out == recipe_text("avmnist")
    assert yaml.safe_load(g2d("recipes", "show", "avdigits").out)["method"] == "g2d"
    assert "g2d train my.yaml" in g2d("recipes", "cp", "avdigits", "my.yaml").out
    assert (tmp_path / "my.yaml").read_text() == recipe_text("avdigits")
    said = g2d("recipes", "cp", "avdigits", "my.yaml")
    assert (said.status, said.err) == (2, "g2d recipes: my.yaml exists; name another file\n")
    assert g2d("recipes", "cp", "avdigits").status == 0
    assert (tmp_path / "avdigits.yaml").exists()


def test_avmnist_is_prepared_checked_and_trained(g2d, originals, tmp_path):  # noqa: F811
    sizes = ("--train-pairs", 80, "--val-pairs", 20, "--test-pairs", 30)
    made = tmp_path / "made"
    said = g2d(
        *("data", "prepare", "avmnist", "--out", made, *sizes, "--image-energy", 0.5),
        *("--images", originals / "mnist", "--speech", originals / "fsdd"),
    )
    assert (said.status, said.err) == (0, "")
    assert f"g2d train avmnist --data.root {made}" in said.out
    options = json.loads((made / "manifest.json").read_text())["options"]
    assert (options["image_energy"], options["snr_db"], options["seed"]) == (0.5, -5.0, 999)

    said = g2d("data", "check", "avmnist", "--root", made)
    assert said.status == 0
    assert [line.split() for line in said.out.splitlines() if line.split()[1:] == ["80"]]
    assert "no fault found" in said.out

    said = g2d(
        *("train", "avmnist", "--data.root", made, "--method", "joint", "--out", tmp_path / "out"),
        *("--training.epochs", 1, "--encoders.image.width", 8, "--encoders.audio.width", 8),
    )
    assert said.status == 0

    for file in made.glob("train-audio*"):
        data = bytearray(file.read_bytes())
        data[-1] ^= 1
        file.write_bytes(bytes(data))
    said = g2d("data", "check", "avmnist", "--root", made)
    assert (said.status, said.err.count("\n")) == (2, 1)


def test_a_dataset_is_described_with_its_options(g2d):
    said = g2d("data", "ls", "avmnist")
    assert said.status == 0
    assert "--speaker-disjoint (default: False)" in said.out
    assert "Divide by speaker and not by index." in said.out
    whole = g2d("data", "ls").out
    assert all(f"\n{name}\n" in f"\n{whole}" for name in DATASETS)


def test_a_switch_needs_no_value(g2d, originals, tmp_path):  # noqa: F811
    said = g2d(
        *("data", "prepare", "avmnist", "--speaker-disjoint", "--out", tmp_path / "made"),
        *("--images", originals / "mnist", "--speech", originals / "fsdd"),
        *("--train-pairs", 30, "--val-pairs", 10, "--test-pairs", 10),
    )
    assert (said.status, said.err) == (0, "")
    options = json.loads((tmp_path / "made" / "manifest.json").read_text())["options"]
    assert options["speaker_disjoint"] is True


def test_avdigits_is_checked(g2d):
    pytest.importorskip("espeakng_loader")
    said = g2d("data", "check", "avdigits")
    assert said.status == 0
    assert "no fault found" in said.out


def test_ctrl_c_says_how_to_go_on(g2d, toy_file, tmp_path, monkeypatch):
    import toy

    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(toy.ToyData, "splits", interrupt)
    said = g2d("train", toy_file(), "--out", tmp_path)
    assert said.status == 130
    assert said.err == "g2d train: stopped; the same command with --resume goes on from here\n"


def test_the_demonstration(g2d, tmp_path):
    pytest.importorskip("espeakng_loader")
    said = g2d("demo", "--epochs", 1, "--out", tmp_path / "demo")
    assert (said.status, said.err) == (0, "")
    lines = [line.split() for line in said.out.splitlines()]
    assert {"teachers", "joint", "g2d"} <= {words[0] for words in lines if words}
    assert (tmp_path / "demo" / "learning_curves.png").exists()
    for method in ("joint", "g2d"):
        run = Run(tmp_path / "demo" / f"avdigits-{method}-seed0-epochs1")
        accuracy = run.result["test"]["accuracy"]
        row = next(words for words in lines if words and words[0] == method)
        expected = [f"{100 * accuracy[name]:.1f}" for name in ("image", "audio", "fused")]
        assert row[1:4] == expected
    again = g2d("demo", "--epochs", 1, "--out", tmp_path / "demo")
    assert again.out == said.out


def test_the_module_is_the_command():
    said = subprocess.run(
        [sys.executable, "-m", "g2d", "--version"], capture_output=True, text=True
    )
    assert (said.returncode, said.stdout) == (0, f"g2d {g2d_package.__version__}\n")
