"""A run folder from a stranger runs nothing that is not part of g2d, whichever command opens it."""

from __future__ import annotations

import json
import sys

import pytest

from g2d.checksums import sealed
from toy import toy_recipe

COMMANDS = {
    "predict": ("--data", "new.csv", "--out", "said.csv"),
    "serve": ("--port", "0"),
    "export": ("--out", "model.pt2"),
    "evaluate": (),
}
PLACES = {
    "encoders.x": {"encoders": {"x": {"name": "os.system", "command": "touch PWNED"}}},
    "data": {"data": "builtins.exit"},
    "fusion": {"fusion": "os.abort"},
    "method": {"method": "os.abort+smp"},
}


STRANGE = "import pathlib\npathlib.Path('PWNED').touch()\nclass Net: pass\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "new.csv").write_text("x\n1\n")
    return tmp_path


def stranger(folder, **recipe):
    """Three files that make a folder a finished run; nothing else is needed to be opened."""
    folder.mkdir(parents=True)
    whole = {
        "data": "avdigits",
        "encoders": {"x": {"name": "mlp", "inputs": 1}, "y": {"name": "mlp", "inputs": 1}},
        "fusion": "late",
        "method": "joint",
        **recipe,
    }
    task = {"kind": "classification", "classes": ["a", "b"]}
    about = {"recipe": whole, "fingerprint": "0", "protocol": "clean"}
    for name, content in {
        "run.json": about,
        "model.json": {"modalities": list(whole["encoders"]), "task": task},
        "result.json": {},
    }.items():
        (folder / name).write_text(json.dumps(content))
    return folder


def refused(said, command, *words):
    assert said.status == 2
    assert said.err.startswith(f"g2d {command}: ")
    assert said.err.count("\n") == 1
    for word in (*words, "--trust"):
        assert word in said.err


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("command", COMMANDS)
def test_code_outside_g2d_is_named_and_not_run(g2d, here, command, place):
    folder = stranger(here / "run", **PLACES[place])
    before = sorted(here.rglob("*"))
    refused(g2d(command, folder, *COMMANDS[command]), command, f"{folder} names code", f"{place}: ")
    assert sorted(here.rglob("*")) == before


MLPS = {name: {"name": "mlp", "inputs": 1} for name in ("x", "y")}
MEMBER = {"modalities": ["x", "y"], "encoders": MLPS, "fusion": "late", "brought": []}
# Of a blend: its recipe, the description of its one member, and what is refused.
BLENDS = {
    "method": ([{"method": "os.abort"}], {}, "method.members: 'os.abort'"),
    "encoder": (
        [{"method": "joint"}],
        {"encoders": {**MLPS, **PLACES["encoders.x"]["encoders"]}},
        "encoders.x: 'os.system'",
    ),
    "fusion": ([{"method": "joint"}], {"fusion": "os.abort"}, "fusion: 'os.abort'"),
    "brought": ([{"method": "joint"}], {"brought": [{"name": "os.abort"}]}, "brought: 'os.abort'"),
}


@pytest.mark.parametrize("place", BLENDS)
def test_nothing_of_a_blends_members_runs(g2d, here, place):
    members, described, refusal = BLENDS[place]
    folder = stranger(here / "run", method={"name": "blend", "members": members})
    about = json.loads((folder / "model.json").read_text())
    about["members"] = [{**MEMBER, **described}]
    (folder / "model.json").write_text(json.dumps(about))
    refused(g2d("evaluate", folder), "evaluate", refusal)
    assert not (here / "PWNED").exists()


@pytest.mark.parametrize("place", PLACES)
def test_no_analysis_runs_it(g2d, here, place):
    folder = stranger(here / "run", **PLACES[place])
    for question in ("confidence", "cost", "learning-curves"):
        refused(g2d("analyse", question, folder), "analyse", f"{place}: ")
    assert not (here / "PWNED").exists()


def test_a_module_is_not_even_imported(g2d, here, monkeypatch):
    monkeypatch.syspath_prepend(str(here))
    (here / "strange_module.py").write_text(STRANGE)
    folder = stranger(here / "run", encoders={"x": "strange_module.Net"})
    refused(g2d("evaluate", folder), "evaluate", "'strange_module.Net'")
    assert not (here / "PWNED").exists()
    said = g2d("evaluate", folder, "--trust")
    assert (here / "PWNED").exists()  # that is what the word allows
    assert said.status == 2
    assert "encoders.x: 'strange_module.Net' is no encoder" in said.err
    del sys.modules["strange_module"]


KINDS = {
    "encoders.x": ({"encoders": {"x": "g2d.runs.train.train"}}, "is no encoder"),
    "encoders.x, abstract": (
        {"encoders": {"x": "g2d.models.encoders.published.PublishedEncoder"}},
        "is no encoder",
    ),
    "encoders.x, not of g2d": ({"encoders": {"x": "g2d.errors.importlib"}}, "is no encoder"),
    "fusion": ({"fusion": "g2d.models.encoders.mlp.MLP"}, "is no fusion"),
    "method": ({"method": "g2d.errors.require"}, "there is no method"),
}


@pytest.mark.parametrize("fault", KINDS)
def test_what_lies_in_g2d_is_of_the_kind_that_stands_there(g2d, here, fault):
    recipe, line = KINDS[fault]
    said = g2d("evaluate", stranger(here / "run", **recipe))
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert line in said.err


POPEN = {"class_path": "subprocess.Popen", "init_args": {"args": ["touch", "PWNED"]}}
OPTIONS = {
    "a class within an option": {"name": "transformers", "config": {"deep": [{"x": POPEN}]}},
    "in place of an option": {"name": "transformers", "config": POPEN},
    "a class within a word": {"name": "transformers", "config": json.dumps({"x": POPEN})},
    "an object by its name": {
        "name": "g2d.models.unimodal.UnimodalModel",
        **{"modality": "x", "encoder": "strange_module.Net", "width": 1, "outputs": 2},
    },
}


@pytest.mark.parametrize("fault", OPTIONS)
def test_options_are_values_and_name_no_code(g2d, here, monkeypatch, fault):
    monkeypatch.syspath_prepend(str(here))
    (here / "strange_module.py").write_text(STRANGE)
    for command in ("evaluate", "export"):
        said = g2d(command, stranger(here / command, encoders={"x": OPTIONS[fault]}))
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert "encoders.x." in said.err
    assert not (here / "PWNED").exists()


READ_BY = {
    "data": ("train", "teach", "diagnose"),
    "encoders": ("train", "teach", "diagnose"),
    "fusion": ("train", "diagnose"),
    "method": ("train",),
}


@pytest.mark.parametrize("path", ["builtins.exit", "os.abort", "os.system", "json.JSONDecoder"])
@pytest.mark.parametrize(("place", "command"), [(p, c) for p in READ_BY for c in READ_BY[p]])
def test_a_recipe_names_classes_of_the_right_kind(g2d, here, place, command, path):
    """The user's own recipe may name any class, and what is none is not called to find out."""
    recipe = toy_recipe(epochs=1)
    recipe[place] = dict.fromkeys(recipe["encoders"], path) if place == "encoders" else path
    (here / "own.yaml").write_text(json.dumps(recipe))
    said = g2d(command, here / "own.yaml", "--out", here / "out")
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert f"{path!r}" in said.err
    assert "expected a" in said.err


def test_a_run_of_ones_own_parts_needs_one_word_and_to_resume_none(g2d, toy_file, here):
    train = ("train", toy_file(), "--method", "joint", "--out", here / "out")
    assert g2d(*train).status == 0
    run = here / "out" / "toy-joint-seed0"
    (run / "result.json").unlink()
    assert g2d(*train, "--resume").status == 0
    refused(g2d("evaluate", run), "evaluate", "toy.ToyData", "toy.ToyEncoder")
    assert g2d("evaluate", run, "--trust").status == 0


def test_the_runs_of_a_grid_are_those_of_its_recipes(g2d, toy_file, here):
    """In the command that trains them no word is needed; where the folder alone is given one is."""
    grid = {
        "title": "Curves",
        "figure": "learning-curves",
        "axes": {"dataset": {"toys": {"recipe": str(toy_file())}}, "method": ["joint", "ogm"]},
    }
    (here / "mine.yaml").write_text(json.dumps(grid))
    compare = ("compare", here / "mine.yaml", "--out", here / "out")
    assert g2d(*compare).status == 0
    drawing = here / "out" / "figures" / "mine-toys.svg"
    drawing.unlink()
    said = g2d(*compare, "--show")
    assert said.status == 1
    assert "toy.ToyEncoder" in said.err
    assert "--trust" in said.err
    assert not drawing.exists()
    assert g2d(*compare, "--show", "--trust").status == 0
    assert drawing.exists()
    # a finished run that somebody else put there names what the grid does not
    record = json.loads((here / "out" / "grids" / "mine.json").read_text())
    about = here / "out" / record["cells"][0]["run"] / "run.json"
    content = json.loads(about.read_text())
    content["recipe"]["encoders"]["near"] = {"name": "os.system", "command": "touch PWNED"}
    about.write_text(json.dumps(sealed(content)))
    said = g2d(*compare)
    assert said.status == 1
    assert "encoders.near: 'os.system'" in said.err
    assert not (here / "PWNED").exists()


def test_a_report_of_strange_runs_builds_none_and_writes_beside_itself_alone(g2d, here):
    out = here / "runs"
    stranger(out / "one", **PLACES["encoders.x"])
    (out / "grids").mkdir()
    record = {
        "name": "../../taken",
        **{"title": "t", "about": "", "command": "", "axes": {"dataset": ["d"]}, "cells": []},
    }
    (out / "grids" / "mine.json").write_text(json.dumps(record))
    before = sorted(here.rglob("*"))
    for command in (("report", out), ("compare", "mine", "--show", "--out", out)):
        said = g2d(*command)
        assert (said.status, said.err.count("\n")) == (2, 1)
        assert "calls itself '../../taken', expected 'mine'" in said.err
    assert sorted(here.rglob("*")) == before
