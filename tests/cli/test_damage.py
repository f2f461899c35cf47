"""JSON files of a run folder that are cut short or of another form: one line that helps."""

from __future__ import annotations

import json
import shutil

import pytest

from g2d.engine.records import RunFolder
from g2d.errors import UserError
from table.export.exports import ENCODERS, run_of
from table.serve.conftest import served_run  # noqa: F401 (a fixture)

DAMAGES = {
    "cut short": lambda text: text[: len(text) // 2],
    "emptied": lambda text: "",
    "a list": lambda text: "[1]",
    "without its keys": lambda text: "{}",
    "not UTF-8": lambda text: "\udcff" + text,
    "nested without end": lambda text: "[" * 100_000,
}


def damage(file, how):
    text = file.read_text(encoding="utf-8")
    file.write_bytes(DAMAGES[how](text).encode("utf-8", "surrogateescape"))


@pytest.mark.parametrize("how", DAMAGES)
@pytest.mark.parametrize("name", ["run.json", "model.json"])
def test_an_export_names_the_file(g2d, tmp_path, name, how):
    run = run_of(tmp_path / "run", {"name": "words", **ENCODERS["words"][0]}, (6,), "film")
    damage(run / name, how)
    said = g2d("export", run)
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert f"{run / name} " in said.err
    assert said.err.endswith("copy the folder anew, or make it again\n")


@pytest.mark.parametrize("how", [how for how in DAMAGES if how != "without its keys"])
def test_a_prediction_and_a_server_name_it(g2d, served_run, tmp_path, how):  # noqa: F811
    run, data = tmp_path / "run", served_run[1] / "animals.csv"
    shutil.copytree(served_run[0], run)
    damage(run / "preprocessing.json", how)
    for words in (("predict", run, "--data", data), ("serve", run, "--port", 0)):
        said = g2d(*words)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert f"{run / 'preprocessing.json'} " in said.err


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"junk" * 99, b"\x80\x05N."])
def test_damaged_predictions_are_named(tmp_path, content):
    (tmp_path / "predictions-test.npz").write_bytes(content)
    with pytest.raises(UserError, match=r"predictions-test\.npz is cut short or damaged"):
        RunFolder(tmp_path).read_predictions("test")


@pytest.mark.parametrize("how", ["cut short", "emptied", "a list", "without its keys"])
def test_a_recorded_grid_names_it(g2d, tmp_path, how):
    record = tmp_path / "grids" / "mine.json"
    record.parent.mkdir()
    record.write_text(json.dumps({"name": "mine", "cells": [], "axes": {}}))
    damage(record, how)
    for words in (("report", tmp_path), ("compare", "mine", "--show", "--out", tmp_path)):
        said = g2d(*words)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert f"{record} " in said.err
