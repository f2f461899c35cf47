"""From the original files to a trained model, by what one types."""

from __future__ import annotations

import json

from cli.conftest import g2d  # noqa: F401


def small(*modalities):
    """Encoders that are quick."""
    for name in modalities:
        yield from (f"--encoders.{name}.name", "small_cnn", f"--encoders.{name}.width", 4)


def test_prepared_checked_and_trained(g2d, cremad, tmp_path):  # noqa: F811
    made = tmp_path / "made"
    lists = ("--train-list", cremad / "train.csv", "--test-list", cremad / "test.csv")
    said = g2d(
        *("data", "prepare", "cremad", "--root", cremad, "--out", made, "--workers", 0),
        *(*lists, "--side", 40),
    )
    assert (said.status, said.err) == (0, "")
    assert f"g2d train cremad --data.root {made}" in said.out

    said = g2d("data", "check", "cremad", "--root", cremad, *lists, "--workers", 0)
    assert said.status == 0
    assert "36 of the 7442 clips" in said.out
    assert "no fault found" in said.out
    said = g2d("data", "check", "cremad", "--root", made)
    assert said.status == 0
    assert "no fault found" in said.out

    for method in ("joint", "g2d"):
        said = g2d(
            *("train", "cremad", "--data.root", made, "--method", method),
            *("--out", tmp_path / "runs", "--training.epochs", 1, *small("audio", "video")),
        )
        assert said.status == 0, said.err
    results = list((tmp_path / "runs").glob("*/result.json"))
    assert len(results) == 2
    for result in results:
        assert 0 <= json.loads(result.read_text())["test"]["accuracy"]["fused"] <= 1
    run = results[0].parent
    assert g2d("evaluate", run).status == 0
    said = g2d("evaluate", run, "--data.protocol", "paper")
    assert said.status == 2
    assert "was trained under the split policy 'clean', got 'paper'" in said.err
