"""What was probably meant, where a command is given something near to it."""

from __future__ import annotations

import json

import pytest

from g2d.cli.show_run import show_floors


@pytest.mark.parametrize(
    ("key", "meant"),
    [
        ("epochs", "training.epochs"),
        ("lr", "training.learning_rate"),
        ("learning_rate", "training.learning_rate"),
        ("batch_size", "training.batch_size"),
        ("schedule", "method.schedule"),
        ("fusions", "fusion"),
    ],
)
def test_a_key_without_its_section(g2d, tmp_path, key, meant) -> None:
    said = g2d("train", "avdigits", "--method", "g2d", f"--{key}", "5", "--out", tmp_path)
    assert said.status == 2
    assert said.err.startswith(f"g2d train: {key}: no such key in a recipe; known: data, ")
    assert said.err.endswith(f"; did you mean --{meant}?\n")


def test_a_key_that_is_near_to_none(g2d, tmp_path) -> None:
    said = g2d("train", "avdigits", "--flavour", "5", "--out", tmp_path)
    assert said.err.endswith("missing, experts\n")


@pytest.mark.parametrize(("name", "meant"), [("G2D", "g2d"), ("ogm-ge", "ogm_ge")])
def test_a_method_is_looked_for_before_the_table_is(g2d, tmp_path, name, meant) -> None:
    said = g2d("train", tmp_path / "none.csv", "--target", "y", "--method", name)
    assert said.status == 2
    assert said.err.startswith(f"g2d train: method: there is no {name!r}; known: ")
    assert said.err.endswith(f"; did you mean {meant}?\n")


def test_one_method(g2d) -> None:
    said = g2d("methods", "pmr")
    assert said.status == 0
    assert "class prototypes" in " ".join(said.out.split())
    assert "docs/methods/pmr.md" in said.out
    assert "reconboost" not in said.out
    assert g2d("methods", "PMR").err.endswith("; did you mean pmr?\n")


def test_the_doctor_is_for_a_loop(g2d) -> None:
    said = g2d("doctor", "data.csv")
    assert said.status == 2
    assert "docs/doctor.md" in said.err
    assert "g2d diagnose TABLE" in said.err


@pytest.fixture
def runs(tmp_path):
    """A folder that holds one finished run."""
    run = tmp_path / "runs" / "items-auto-seed0"
    run.mkdir(parents=True)
    for name in ("run.json", "result.json"):
        (run / name).write_text(json.dumps({}), encoding="utf-8")
    return run.parent


@pytest.mark.parametrize("command", ["predict", "evaluate"])
def test_a_folder_of_runs_in_the_place_of_a_run(g2d, runs, command) -> None:
    more = ("--data", "new.csv") if command == "predict" else ()
    said = g2d(command, runs, *more)
    assert said.status == 2
    assert said.err.endswith("; it holds: items-auto-seed0\n")


def test_a_run_in_the_place_of_its_folder(g2d, runs) -> None:
    run = runs / "items-auto-seed0"
    said = g2d("report", run)
    assert said.err == (
        f"g2d report: {run} is one run; give the folder that holds it: g2d report {runs}\n"
    )


def test_a_run_is_nothing_to_diagnose(g2d, runs) -> None:
    said = g2d("diagnose", runs / "items-auto-seed0", "--target", "y")
    assert said.status == 2
    assert "is a run folder; diagnose takes a table" in said.err
    assert " is a folder; diagnose" in g2d("diagnose", runs).err


def test_whom_the_best_modality_counts(capsys: pytest.CaptureFixture[str]) -> None:
    single = {"accuracy": 0.9}
    found = {"above": [], "clearly": False, "single": single, "samples": 44}
    found["fused_there"] = {"accuracy": 1.0}
    result = {
        "floors": {"metric": "accuracy", "modality": "picture", "test": found},
        "test": {"accuracy": {"fused": 0.8}},
        "samples": {"test": 45},
    }
    show_floors(result, ["accuracy"])
    said = " ".join(capsys.readouterr().out.split())
    assert "Best modality alone (picture) counts the 44 of 45 rows that have picture; the " in said
    assert "the model has accuracy 1.0000 on these." in said
