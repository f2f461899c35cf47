"""A run is of its data, wherever they lie."""

from __future__ import annotations

import json
import os
import shutil

import pytest

from g2d import UserError
from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.jobs import do, plan_jobs
from g2d.recipes.recipe import recipe_from
from g2d.recipes.whereabouts import data_identity
from g2d.runs.train import train
from runs.test_floors import recipe, table


@pytest.fixture
def store(tmp_path):
    """As much of a prepared store as is looked at."""
    folder = tmp_path / "store"
    folder.mkdir()
    (folder / "manifest.json").write_text(json.dumps({"fingerprint": "abc"}))
    return folder


def name_of(**data):
    return Cell({}, recipe_from({"data": data, "method": "joint"})).name


def test_a_store_is_the_same_by_any_path_and_after_a_move(store, tmp_path, monkeypatch):
    first = name_of(name="avmnist", root=str(store))
    monkeypatch.chdir(tmp_path)
    assert name_of(name="avmnist", root="store") == first
    assert name_of(name="avmnist", root="./store/") == first
    moved = shutil.move(store, tmp_path / "elsewhere")
    assert name_of(name="avmnist", root=str(moved)) == first
    (tmp_path / "elsewhere" / "manifest.json").write_text(json.dumps({"fingerprint": "other"}))
    assert name_of(name="avmnist", root=str(moved)) != first


def test_what_is_there_no_more_and_what_was_never_prepared_are_their_paths(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for made in (False, True):
        assert data_identity({"name": "urfunny", "root": "files"})["root"] == str(
            tmp_path / "files"
        )
        if not made:
            (tmp_path / "files").mkdir()
    assert name_of(name="urfunny", root="files") != name_of(name="urfunny", root="others")


def test_a_table_is_its_rows_and_other_options_count(tmp_path):
    file = table(tmp_path)
    copy = shutil.copy(file, tmp_path / "copy.csv")
    asked = recipe(file, "joint").data
    here, there = ({**asked, "table": str(path), "cache": str(path)} for path in (file, copy))
    assert data_identity(here) == data_identity(there)
    assert data_identity({**here, "split": {"seed": 3}}) != data_identity(here)
    file.write_text(file.read_text().replace("rare", "seldom"))
    os.utime(file, ns=(1, 1))
    assert data_identity(here) != data_identity(there)


def test_a_finished_cell_is_found_after_its_data_have_moved(tmp_path):
    out = tmp_path / "runs"
    cell = Cell({"method": "joint"}, recipe(table(tmp_path), "joint"))
    (job,) = plan_jobs([cell], out)
    do(job)
    (tmp_path / "moved").mkdir()
    file = tmp_path / "moved" / "own.csv"
    shutil.move(tmp_path / "own.csv", file)
    again = Cell({"method": "joint"}, recipe(file, "joint"))
    assert plan_jobs([again], out) == []
    run = out / cell.name
    weights = (run / "model.safetensors").read_bytes()
    train(again.recipe, out, name=cell.name, resume=True)
    assert (run / "model.safetensors").read_bytes() == weights
    file.write_text("\n".join(file.read_text().splitlines()[:-1]) + "\n")
    with pytest.raises(UserError, match="was made from other data"):
        train(again.recipe, out, name=cell.name, resume=True)
