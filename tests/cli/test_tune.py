"""`g2d tune`, and the grid it writes."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("optuna")


def test_tuned_methods_are_shown_recorded_and_compared(g2d, toy_file, tmp_path):
    out = tmp_path / "out"
    words = ("tune", toy_file(), "--methods", "joint", "umt", "--trials", 2, "--out", out)
    said = g2d(*words, "--training.epochs", 1)
    assert said.status == 0
    record = json.loads((out / "tuning" / "toy.json").read_text())
    assert record["changes"] == {"training.epochs": 1}
    for method, own in record["methods"].items():
        row = next(line.split() for line in said.out.splitlines() if line.startswith(f" {method} "))
        best = own["trials"][own["best"]]
        assert row[1:3] == ["2", f"{best['value']:.4f}"]
    (command,) = (line.split()[1:] for line in said.out.splitlines() if "g2d compare" in line)
    compared = g2d(*command[1:], "--seeds", 0)
    assert compared.status == 0
    assert len(list(out.glob("ToyData-*/result.json"))) == 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--methods", "umtt"], "method: there is no 'umtt'"),
        (["--methods", "joint", "--trials", 0], "--trials: expected 1 or more, got 0"),
        (["--methods", "joint", "--seed", 1], "--seed 1: several are tried; use --seeds 1"),
        (["--methods", "joint", "--space", "none.yaml"], "there is no space file none.yaml"),
        (["--methods", "joint", "--slurm.time", 9], "add --launcher slurm"),
        (["--methods", "joint", "--jobs", 0], "--jobs: expected 1 or more, got 0"),
    ],
)
def test_what_cannot_be_tuned_is_said_in_one_line(g2d, toy_file, tmp_path, words, said):
    answer = g2d("tune", toy_file(), *words, "--out", tmp_path / "out")
    assert answer.status == 2
    assert answer.err.count("\n") == 1
    assert said in answer.err
    assert not list(tmp_path.rglob("result.json"))


def test_where_nothing_succeeded_the_table_says_why_and_the_command_fails(g2d, toy_file, tmp_path):
    space = tmp_path / "space.yaml"
    space.write_text("shared: {training.learning_rate: [1.0e+30]}")
    words = ("tune", toy_file(), "--trials", 1, "--space", space, "--out", tmp_path / "out")
    said = g2d(*words, "--methods", "joint", "--training.epochs", 1)
    assert said.status == 2
    assert "failed: " in said.out
    assert "no trial succeeded" in said.err
    assert not list(tmp_path.rglob("*-tuned.yaml"))
    again = g2d(*words, "--methods", "joint", "umt", "--training.epochs", 1)
    assert "toy.json and its grid will be replaced: they are of joint" in again.err


@pytest.mark.parametrize(
    ("ranges", "told"),
    [
        ("{low: 16, high: 17}", "best at the end of a range (training.batch_size 1"),
        ("[16, 17]", ""),
    ],
)
def test_the_best_at_the_end_of_its_range_is_said(g2d, toy_file, tmp_path, ranges, told):
    space = tmp_path / "space.yaml"
    space.write_text(f"shared: {{training.batch_size: {ranges}}}")
    words = ("tune", toy_file(), "--methods", "joint", "--trials", 1, "--space", space)
    said = g2d(*words, "--training.epochs", 1, "--out", tmp_path / "out")
    assert said.status == 0
    assert ("best at the end" in said.out) == bool(told)
    assert told in said.out
