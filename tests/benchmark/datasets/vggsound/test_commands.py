"""From the original files to a trained model, by what one types."""

from __future__ import annotations

import json

from cli.conftest import g2d  # noqa: F401


def test_prepared_checked_and_trained(g2d, vggsound, tmp_path):  # noqa: F811
    made = tmp_path / "made"
    said = g2d(
        *("data", "prepare", "vggsound", "--root", vggsound, "--out", made, "--workers", 0),
        *("--side", 40, "--most-frames", 3),
    )
    assert (said.status, said.err) == (0, "")
    assert f"g2d train vggsound --data.root {made}" in said.out
    said = g2d("data", "check", "vggsound", "--root", vggsound, "--workers", 0)
    assert said.status == 0
    assert "3 of the 309 classes" in said.out
    said = g2d("data", "check", "vggsound", "--root", made)
    assert said.status == 0
    assert "no fault found" in said.out

    encoders = [
        word
        for name in ("audio", "video")
        for word in (f"--encoders.{name}.name", "small_cnn", f"--encoders.{name}.width", 4)
    ]
    for method in ("joint", "g2d"):
        said = g2d(
            *("train", "vggsound", "--data.root", made, "--method", method, *encoders),
            *("--out", tmp_path / "runs", "--training.epochs", 1, "--data.frames", 2),
        )
        assert said.status == 0, said.err
    results = list((tmp_path / "runs").glob("*/result.json"))
    assert len(results) == 2
    for result in results:
        assert 0 <= json.loads(result.read_text())["test"]["accuracy"]["fused"] <= 1
