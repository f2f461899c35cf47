"""`g2d train TABLE --target COLUMN`: the recipe that `inspect` writes, trained in one command."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest
import yaml

from g2d.runs.run import Run


@pytest.fixture
def table(tmp_path):
    rows = [f"{i % 2 + (i % 7) / 9:.2f},{i % 5},{'low' if i % 2 else 'high'}" for i in range(80)]
    words = ["tall and green", "short and red"]
    lines = [f"{words[i % 2]} with leaf number {i} seen today,{row}" for i, row in enumerate(rows)]
    file = tmp_path / "plants.csv"
    file.write_text("note,size,leaves,kind\n" + "\n".join(lines) + "\n")
    return file


def test_a_table_is_trained_by_the_recipe_that_inspect_writes(g2d, table, tmp_path):
    out = tmp_path / "runs"
    said = g2d("train", table, "--target", "kind", "--out", out, "--training.epochs", "1")
    assert said.status == 0, said.err
    inspected = g2d("data", "inspect", table, "--target", "kind")
    written = (out / "plants-kind.yaml").read_text()
    assert written == inspected.out
    assert "80 rows" in said.err
    assert "plants-kind.yaml" in said.err
    (run,) = [Run(file.parent) for file in out.glob("*/result.json")]
    recipe = run.read_json("auto.json")["recipe"]
    assert recipe["data"] == yaml.safe_load(written)["data"]
    assert recipe["training"]["epochs"] == 1
    assert "plants: accuracy on 68 rows (5 folds of train and validation)" in said.out


def test_a_column_that_names_no_val_rows_leaves_train_to_folds(g2d, table, tmp_path):
    """Once they are named they compare alone, few as they are, which is said."""
    header, *rows = table.read_text().splitlines()
    for val, rounds in (("train", "(5 folds of train and validation)"), ("val", "(validation,")):
        parts = ["test", val, "train", "train"]
        table.write_text(
            "\n".join([f"{header},split", *(f"{row},{parts[n % 4]}" for n, row in enumerate(rows))])
        )
        out = tmp_path / val
        said = g2d("train", table, "--target", "kind", "--out", out, "--training.epochs", "1")
        assert said.status == 0, said.err
        assert rounds in " ".join(said.out.split())
        assert ("only 20 compare, which column split marks val;" in said.out) == (val == "val")


def test_what_is_cut_is_said_once_in_training(g2d, tmp_path):
    rows = [f"{'word ' * (60 if i % 30 == 4 else 3)}{i},{i % 5},{i % 2}" for i in range(60)]
    file = tmp_path / "long.csv"
    file.write_text("note,size,kind\n" + "\n".join(rows) + "\n")
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text(
        f"data: {{name: table, table: {file}, target: kind, task: classification, modalities: "
        "{note: {kind: text, column: note, length: 5}, "
        "size: {kind: tabular, columns: [size]}}}\n"
        "encoders: {note: auto, size: auto}\nfusion: late\nmethod: auto\n"
        "training: {epochs: 1, batch_size: 16, optimizer: adamw, learning_rate: 0.001}\n"
    )
    said = g2d("train", recipe, "--out", tmp_path / "runs")
    assert said.status == 0, said.err
    assert said.err.count("are longer than the 5 words that are read") == 1
    inspected = g2d("data", "inspect", file, "--target", "kind")
    assert inspected.out.count("words that are read") == 1
    words = ("--training.epochs", "1", "--out", tmp_path / "more")
    said = g2d("train", file, "--target", "kind", *words)
    assert said.status == 0, said.err
    assert said.err.count("words that are read") == 1
    assert "words that are read" in (tmp_path / "more" / "long-kind.yaml").read_text()


def test_a_recipe_that_was_edited_is_not_overwritten(g2d, table, tmp_path):
    edited = tmp_path / "plants-kind.yaml"
    edited.write_text("seed: 3\n")
    said = g2d("train", table, "--target", "kind", "--out", tmp_path)
    assert said.status == 2
    assert "plants-kind.yaml is there and is not what" in said.err
    assert edited.read_text() == "seed: 3\n"


def test_a_table_needs_a_target_and_a_recipe_none(g2d, table, tmp_path):
    said = g2d("train", table, "--out", tmp_path)
    assert said.status == 2
    assert f"{table} is a table; give the column" in said.err
    said = g2d("train", "avdigits", "--target", "kind", "--out", tmp_path)
    assert said.status == 2
    assert "--target: avdigits is a recipe, which names its target" in said.err


@pytest.mark.parametrize(
    ("name", "advice"),
    [
        ("prices.xlsx", "save the sheet as CSV"),
        ("prices.csv.gz", "unpack it"),
        ("prices.json", "write one object a line, as .jsonl"),
    ],
)
@pytest.mark.parametrize("more", [[], ["--target", "kind"]])
def test_a_table_of_another_format_is_no_recipe(g2d, tmp_path, name, advice, more):
    said = g2d("train", tmp_path / name, *more, "--out", tmp_path)
    assert said.status == 2
    assert f"{name} is of no known format; expected .csv" in said.err
    assert said.err.strip().endswith(advice)


def test_other_commands_say_how_a_table_becomes_a_recipe(g2d, table):
    said = g2d("teach", table)
    assert said.status == 2
    assert "g2d data inspect TABLE --target COLUMN > recipe.yaml" in said.err


@pytest.mark.slow
def test_two_processes_say_what_one_says(table, tmp_path):
    """Each reads the table; one of them speaks."""
    words = [sys.executable, "-m", "g2d.cli.main", "train", table, "--target", "kind"]
    words += ["--method", "blend", "--training.epochs", "1", "--out", tmp_path / "runs"]
    said = {}
    for devices in ("1", "2"):
        ended = subprocess.run(
            [*map(str, words), "--training.devices", devices, "--name", f"on{devices}"],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"},
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        said[devices] = [line for line in ended.stderr.splitlines() if "plants" in line]
    assert said["1"] == said["2"]
    assert len(said["1"]) == len(set(said["1"])) > 2
