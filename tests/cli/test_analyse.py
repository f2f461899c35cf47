"""`g2d analyse`: every question to real runs of AV-Digits, at their smallest."""

from __future__ import annotations

import json

import pytest

from g2d.benchmark.analyses import ANALYSES

SMALL = ("--training.epochs", 2, "--encoders.image.width", 8, "--encoders.audio.width", 8)


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    pytest.importorskip("espeakng_loader")
    from g2d.cli.main import main

    out = tmp_path_factory.mktemp("runs")
    for method in ("joint", "g2d"):
        words = ["train", "avdigits", "--method", method, "--out", out, *SMALL]
        assert main([str(word) for word in words]) == 0
    return [out / f"avdigits-{method}-seed0" for method in ("joint", "g2d")]


# 180 steps and three processes
SLOW = {"cost": pytest.mark.slow}


@pytest.mark.parametrize("name", [pytest.param(n, marks=SLOW.get(n, ())) for n in ANALYSES])
def test_every_question_has_an_answer(g2d, runs, name, tmp_path):
    said = g2d("analyse", name, *runs, "--to", tmp_path / "to")
    assert (said.status, said.err) == (0, "")
    assert said.out.startswith(name)
    assert (tmp_path / "to" / f"{name}.svg").read_text().startswith("<?xml")
    told = json.loads((tmp_path / "to" / f"{name}.json").read_text())
    assert told["analysis"] == name
    assert list(told["runs"]) == ["joint", "g2d"]
    assert max(map(len, said.out.splitlines())) <= max(80, 12 + len(str(tmp_path)) + len(name) + 9)


def test_help_lists_every_question(g2d):
    said = g2d("analyse", "--help").out
    for name, analysis in ANALYSES.items():
        assert f"  {name} " in said
        assert analysis.figure in said


def test_the_split_is_chosen_where_it_is_open(g2d, runs, tmp_path):
    said = g2d("analyse", "calibration", runs[0], "--split", "val", "--to", tmp_path)
    assert "On val, on average" in " ".join(said.out.split())
    assert json.loads((tmp_path / "calibration.json").read_text())["split"] == "val"
    said = g2d("analyse", "confidence", runs[0], "--split", "val", "--to", tmp_path)
    assert (said.status, said.err) == (
        2,
        "g2d analyse: confidence: got --split val, expected no --split\n",
    )
    said = g2d("analyse", "attribution", runs[0], "--split", "train")
    assert said.err == "g2d analyse: attribution: got --split train, expected test\n"


def test_wrong_questions_and_runs_are_said(g2d, runs, tmp_path):
    said = g2d("analyse", "beauty", runs[0])
    assert said.status == 2
    assert "invalid choice: 'beauty'" in said.err
    said = g2d("analyse", "confidence", tmp_path)
    assert (said.status, said.err) == (
        2,
        f"g2d analyse: {tmp_path} is not a finished run folder\n",
    )
    assert not (tmp_path / "analyses").exists()


def test_regression_is_analysed_and_not_calibrated(g2d, toy_file, tmp_path):
    recipe = toy_file(data={"name": "toy.ToyData", "regression": True})
    assert g2d("train", recipe, "--out", tmp_path / "out").status == 0
    run = tmp_path / "out" / "toy-g2d-seed0"
    for name in ("learning-curves", "confidence", "confidence-ratio", "attribution"):
        said = g2d("analyse", name, run, "--trust", "--to", tmp_path)
        assert (said.status, said.err) == (0, "")
    said = g2d("analyse", "calibration", run, "--trust", "--to", tmp_path / "none")
    assert said.err == (
        "g2d analyse: g2d predicts regression; calibration is defined here for classification\n"
    )
    assert not (tmp_path / "none").exists()


def test_runs_with_absent_modalities_are_analysed(g2d, toy_file, tmp_path):
    arguments = ("--missing.rate", "0.4", "--out", tmp_path / "out")
    assert g2d("train", toy_file(), *arguments).status == 0
    run = tmp_path / "out" / "toy-g2d-seed0-missing-0.4-both"
    for name in ("confidence", "confidence-ratio", "calibration", "attribution"):
        said = g2d("analyse", name, run, "--trust", "--to", tmp_path)
        assert (said.status, said.err) == (0, "")


def test_the_picture_of_features_is_drawn_as_asked(g2d, runs, tmp_path):
    said = g2d("analyse", "modality-gap", runs[0], "--projection", "tsne", "--to", tmp_path)
    assert (said.status, said.err) == (0, "")
    assert "t-SNE" in said.out
    said = g2d("analyse", "calibration", runs[0], "--projection", "tsne", "--to", tmp_path)
    assert said.err.endswith("got --projection, which is for modality-gap; leave it out\n")
