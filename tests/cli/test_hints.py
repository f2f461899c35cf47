"""What a message says to type next."""

from __future__ import annotations

import pytest

from cli.conftest import g2d  # noqa: F401 (a fixture)

SMALL = ("--training.epochs", "1", "--encoders.image.width", "4", "--encoders.audio.width", "4")


def test_the_doctor_is_no_command(g2d):  # noqa: F811
    said = g2d("doctor", "avdigits")
    assert said.status == 2
    assert "g2d diagnose TABLE --target COLUMN" in said.err


def test_a_method_is_shown_by_its_name(g2d):  # noqa: F811
    said = g2d("methods", "umt")
    assert said.status == 0
    assert "docs/methods/umt.md" in said.out
    assert "g2d.methods.umt.UMT(student, task, teachers)" in said.out
    assert "there is no method 'UMT'" in g2d("methods", "UMT").err
    assert "did you mean 'umt'?" in g2d("methods", "UMT").err


def test_a_near_miss_is_named(g2d, tmp_path):  # noqa: F811
    said = g2d("train", "avdigits", "--method", "G2D", "--out", tmp_path)
    assert said.status == 2
    assert said.err.rstrip().endswith("did you mean 'g2d'?")


@pytest.mark.parametrize(
    "command", [("predict", "--data", "table.csv"), ("evaluate",), ("analyse", "confidence")]
)
def test_a_folder_of_runs_is_no_run_and_says_what_it_holds(g2d, tmp_path, command):  # noqa: F811
    done = g2d("train", "avdigits", "--method", "joint", "--out", tmp_path, *SMALL)
    assert done.status == 0, done.err
    name, *more = command
    words = (name, *more, tmp_path) if name == "analyse" else (name, tmp_path, *more)
    said = g2d(*words)
    assert said.status == 2
    assert "it holds avdigits-joint-seed0" in said.err
    report = g2d("report", tmp_path / "avdigits-joint-seed0", "--to", tmp_path / "page.html")
    assert report.status == 2
    assert f"g2d report {tmp_path}" in report.err
