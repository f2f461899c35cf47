"""From the original files to a trained model, by what one types."""

from __future__ import annotations

import json

import pytest

from benchmark.datasets.kinetics_sounds.miniature import by_class
from cli.conftest import g2d  # noqa: F401


@pytest.mark.parametrize("layout", ["flat", "classes"])
def test_prepared_checked_and_trained(g2d, kinetics, tmp_path, layout):  # noqa: F811
    root, made = kinetics, tmp_path / "made"
    if layout == "classes":
        root = tmp_path / "k400"
        by_class(kinetics, root)
    said = g2d(
        *("data", "prepare", "kinetics_sounds", "--root", root, "--out", made, "--workers", 0),
        *("--side", 40, "--most-frames", 3),
    )
    assert (said.status, said.err) == (0, "")
    assert f"g2d train kinetics_sounds --data.root {made}" in said.out
    said = g2d("data", "check", "kinetics_sounds", "--root", root, "--workers", 0)
    assert said.status == 0
    assert "31 of the 31 classes" in said.out
    said = g2d("data", "check", "kinetics_sounds", "--root", made)
    assert said.status == 0
    assert "no fault found" in said.out

    encoders = [
        word
        for name in ("audio", "video")
        for word in (f"--encoders.{name}.name", "small_cnn", f"--encoders.{name}.width", 4)
    ]
    for method, protocol in (("g2d", "clean"), ("joint", "ogm_ge")):
        said = g2d(
            *("train", "kinetics_sounds", "--data.root", made, "--data.protocol", protocol),
            *("--method", method, "--out", tmp_path / "runs", "--training.epochs", 1),
            *("--data.frames", 2, *encoders),
        )
        assert said.status == 0, said.err
    results = list((tmp_path / "runs").glob("*/result.json"))
    assert len(results) == 2
    for result in results:
        assert 0 <= json.loads(result.read_text())["test"]["accuracy"]["fused"] <= 1


def test_no_paper_protocol(g2d, tmp_path):  # noqa: F811
    said = g2d(
        *("train", "kinetics_sounds", "--data.root", tmp_path, "--data.protocol", "paper"),
        *("--out", tmp_path / "runs"),
    )
    assert said.status != 0
    assert "got protocol 'paper', expected clean or ogm_ge" in said.err
