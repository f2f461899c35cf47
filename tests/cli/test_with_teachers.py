"""A run says what student and teachers predict together, and the command that makes one model."""

from __future__ import annotations

import shlex

import pytest

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.files import read_json

SMALL = ("--training.epochs", "1", "--encoders.image.width", "4", "--encoders.audio.width", "4")
WIDE = ("--encoders.image.width", "8", "--encoders.audio.width", "8")
TOKENS = ("--fusion", "cross_attention", "--fusion.tokens", "sequence")


def command_of(said):
    """What is typed for the model of both."""
    lines = said.splitlines()
    found = [n for n, line in enumerate(lines) if line.startswith("  With its teachers")]
    return [] if not found else shlex.split(lines[found[0] + 1])[1:]


@pytest.mark.parametrize("method", [("g2d",), ("g2d", "--method.gamma", "0.5"), ("umt",)])
def test_the_command_makes_the_model_that_was_measured(g2d, tmp_path, method):  # noqa: F811
    run = g2d("train", "avdigits", "--out", tmp_path, *SMALL, "--method", *method)
    assert run.status == 0, run.err
    said = read_json(tmp_path / f"avdigits-{method[0]}-seed0" / "result.json")["with_teachers"]
    students = sorted(tmp_path.rglob("last.ckpt"))

    done = g2d(*command_of(run.out))
    assert done.status == 0, done.err
    result = read_json(tmp_path / f"avdigits-{method[0]}-seed0-blend" / "result.json")
    for split in ("val", "test"):
        found = {name: result[split][name]["fused"] for name in ("accuracy", "macro_f1")}
        assert found == pytest.approx({name: said[split][name] for name in found}, abs=1e-5)
    assert [one["weight"] for one in result["members"]] == said["weights"]
    assert [one["share"] for one in result["members"]] == said["shares"]
    # the student is the one that lies there
    assert result["members"][0]["run"] == f"avdigits-{method[0]}-seed0"
    assert sorted(tmp_path.rglob("last.ckpt")) == students


def test_a_student_of_another_recipe_is_no_member(g2d, tmp_path):  # noqa: F811
    other = (*SMALL, "--training.learning_rate", "0.001")
    assert g2d("train", "avdigits", "--out", tmp_path, *other).status == 0
    done = g2d("train", "avdigits", "--out", tmp_path, *SMALL, "--method", "blend")
    assert done.status == 0, done.err
    result = read_json(tmp_path / "avdigits-blend-seed0" / "result.json")
    assert all("run" not in member for member in result["members"])


@pytest.mark.parametrize("words", [TOKENS, ("--method", "joint")])
def test_what_no_blend_adds_is_not_offered(g2d, tmp_path, words):  # noqa: F811
    run = g2d("train", "avdigits", "--out", tmp_path, *SMALL, *words, *WIDE)
    assert run.status == 0, run.err
    assert command_of(run.out) == []
