"""JSON files of a run folder that are cut short or of another form: one line that helps."""

from __future__ import annotations

import json
import shutil

import pytest
from safetensors.torch import save_file
from torch import nn
from torch.optim import SGD
from torch.optim.lr_scheduler import LambdaLR

from g2d.engine.checkpoint import load_checkpoint, load_weights, save_checkpoint, save_weights
from g2d.engine.records import append_epoch
from g2d.errors import UserError
from g2d.methods.joint import JointTraining
from g2d.models.unimodal import UnimodalModel
from g2d.runs.run import Run
from g2d.tasks import Classification
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
        Run(tmp_path).predictions("test")


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


def flipped(path, place):
    content = bytearray(path.read_bytes())
    content[place] ^= 4
    path.write_bytes(content)


@pytest.fixture
def weights(tmp_path):
    model = nn.Linear(300, 5)
    save_weights(tmp_path / "model.safetensors", model)
    return tmp_path / "model.safetensors", model


@pytest.mark.parametrize("place", [-1, -700, -5000])
def test_a_flipped_bit_of_weights_is_named(weights, place):
    path, model = weights
    load_weights(path, model)
    flipped(path, place)
    with pytest.raises(UserError, match=rf"{path} is damaged \(its checksum is .*, expected "):
        load_weights(path, model)


WAY_OUT = "copy the folder anew, or delete the folder and train again$"


@pytest.mark.parametrize("size", [0, 4, 60, -1])
def test_weights_that_are_cut_short_are_called_so(weights, size):
    path, model = weights
    path.write_bytes(path.read_bytes()[:size])
    with pytest.raises(UserError, match=rf"{path} is cut short or damaged \(.+\); {WAY_OUT}"):
        load_weights(path, model)


def test_weights_of_another_model_are_called_so(weights):
    path, _ = weights
    with pytest.raises(UserError, match=rf"{path} does not hold the weights .*; {WAY_OUT}"):
        load_weights(path, nn.Linear(7, 5))


def test_weights_without_a_checksum_are_read(weights):
    path, model = weights
    save_file(model.state_dict(), path)
    load_weights(path, nn.Linear(300, 5))


def test_a_flipped_bit_of_a_checkpoint_is_named(tmp_path):
    model = nn.Linear(300, 5)
    optimizer = SGD(model.parameters(), 0.1)
    method = JointTraining(UnimodalModel("a", nn.Linear(2, 2), 2, 2), Classification(2))
    parts = {
        "model": model,
        "optimizer": optimizer,
        "scheduler": LambdaLR(optimizer, lambda epoch: 1.0),
        "method": method,
    }
    path = tmp_path / "last.ckpt"
    save_checkpoint(path, **parts, progress={"epoch": 1})
    assert load_checkpoint(path, **parts) == {"epoch": 1}
    flipped(path, path.read_bytes().index(model.weight.detach().numpy().tobytes()) + 99)
    with pytest.raises(
        UserError, match=r"cannot go on from .*last\.ckpt \(the checksum of .*delete"
    ):
        load_checkpoint(path, **parts)


def test_a_changed_value_of_json_is_named_and_a_file_without_checksum_read(tmp_path):
    run = Run(tmp_path)
    run.write_json("run.json", {"seed": 0, "rate": 0.1, 3: None})
    assert Run(tmp_path).about == {"seed": 0, "rate": 0.1, "3": None}
    path = tmp_path / "run.json"
    path.write_text(path.read_text().replace('"rate": 0.1', '"rate": 0.3'))
    with pytest.raises(
        UserError, match=r"run\.json is not as it was written .*delete its checksum"
    ):
        _ = run.about
    path.write_text('{"rate": 0.3}')
    assert run.about == {"rate": 0.3}


def test_a_changed_value_of_an_epoch_is_named(tmp_path):
    run = Run(tmp_path)
    for epoch in range(3):
        append_epoch(tmp_path, {"epoch": epoch, "loss": 0.5})
    assert [record["epoch"] for record in run.epochs] == [0, 1, 2]
    path = tmp_path / "metrics.jsonl"
    path.write_text(path.read_text().replace('"loss": 0.5', '"loss": 0.4', 1))
    with pytest.raises(UserError, match=r"metrics\.jsonl, line 1, is not as it was written"):
        _ = Run(tmp_path).epochs


def test_a_teacher_whose_epochs_are_lost_is_named(g2d, toy_file, tmp_path):
    """An empty file has no checksum that could differ."""
    out, recipe = tmp_path / "out", toy_file()
    assert g2d("train", recipe, "--method", "g2d", "--out", out).status == 0
    file = sorted(out.glob("teachers/*/metrics.jsonl"))[0]
    file.write_text("")
    words = ("train", recipe, "--method", "g2d", "--name", "next", "--out", out)
    said = g2d(*words)
    assert (said.status, said.err.count("\n")) == (2, 1), said.err
    assert said.err.startswith(f"g2d train: {file} holds no epoch; delete {file.parent} and run")
