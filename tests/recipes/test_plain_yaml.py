"""YAML that never ends, and what else a file can hold, is read or refused at once."""

from __future__ import annotations

import time

import pytest

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.recipes.plain_yaml import read_yaml
from g2d.recipes.recipe import load_recipe

NINES = "\n".join(
    ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    + [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 9)]
)
MERGES = "\n".join(
    ["a0: &a0 {x0: 1, x1: 1, x2: 1}"]
    + [f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 9)}]}}" for i in range(1, 9)]
)
FAULTS = {
    "a bomb": (NINES, "it stands for more than 100000 values"),
    "a bomb of merged keys": (MERGES, "it stands for more than 100000 values"),
    "a list that holds itself": ("data: &d [1, *d]", "what begins in line 1 holds itself"),
    "a mapping that holds itself": ("\ndata: &d\n  more: *d\n", "what begins in line 2 holds its"),
    "depth by brackets": ("data: " + "[" * 3000 + "]" * 3000, "nested more than 100 deep"),
    "depth by dashes": ("- " * 3000 + "x", "nested more than 100 deep"),
    "depth by aliases": (
        "a0: &a0 [x]\n" + "\n".join(f"a{i}: &a{i} [*a{i - 1}]" for i in range(1, 3000)),
        "nested more than 100 deep",
    ),
    "a tag of another type": ("data: !!bool maybe", "not of the type of its tag"),
    "a tag of no number": ("data: !!int x", "not of the type of its tag"),
    "a tag of an empty number": ("data: !!int ''", "not of the type of its tag"),
    "a tag of no date": ("data: !!timestamp x", "not of the type of its tag"),
    "a number without end": ("data: " + "9" * 5000, "not of the type of its tag"),
    "a key that is a list": ("? [a]\n: 1", "unhashable key"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("command", ["train", "compare", "tune"])
def test_one_line_within_a_second(g2d, tmp_path, fault, command):  # noqa: F811
    text, line = FAULTS[fault]
    file = tmp_path / "own.yaml"
    file.write_text(text)
    words = (file,) if command != "tune" else ("avdigits", "--methods", "joint", "--space", file)
    before = time.process_time()
    said = g2d(command, *words, "--out", tmp_path / "out")
    assert time.process_time() - before < 5  # a bomb would never end
    assert (said.status, said.err.count("\n")) == (2, 1)
    assert said.err.startswith(f"g2d {command}: {file} is not YAML: ")
    assert line in said.err
    assert not (tmp_path / "out").exists()


def test_an_alias_is_what_its_anchor_holds(tmp_path):
    text = "data: avdigits\nencoders: {image: &e {name: small_cnn, width: 4}, audio: *e}"
    (tmp_path / "own.yaml").write_text(text)
    encoder = {"name": "small_cnn", "width": 4}
    recipe = load_recipe(str(tmp_path / "own.yaml"))
    assert recipe.encoders == {"image": encoder, "audio": encoder}
    assert read_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}")["b"] == {"x": 1, "y": 2}
    assert read_yaml("") is None
