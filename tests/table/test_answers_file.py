"""Predictions of a table, in a file."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from cli.conftest import g2d  # noqa: F401 (a fixture)


@pytest.fixture
def trained(g2d, tmp_path, monkeypatch):  # noqa: F811
    """A function that trains on a table of these columns and a text; the run folder."""
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))

    def train(**columns):
        path = tmp_path / "t.csv"
        write(path, **columns)
        more = ("--method", "joint", "--training.epochs", 1, "--out", tmp_path / "runs")
        said = g2d("train", path, "--target", "y", *more)
        assert said.status == 0, said.err
        return next((tmp_path / "runs").glob("t-*/"))

    return train


def write(path, **columns):
    """A table of these columns, and a text that is another in every row."""
    rows = zip(*columns.values(), strict=True)
    lines = [",".join([*row, f"the dog number {n} runs home"]) for n, row in enumerate(rows)]
    path.write_text("\n".join([",".join([*columns, "note"]), *lines]) + "\n")


def told(path):
    with path.open() as stream:
        return list(csv.DictReader(stream))


def test_answers_have_the_digits_that_tell_them_apart(g2d, trained, tmp_path):  # noqa: F811
    x = np.random.default_rng(0).normal(size=120)
    stamps = 1_700_000_000 + 20 * x
    run = trained(x=[f"{v:.4f}" for v in x], y=[f"{v:.3f}" for v in stamps])
    assert (
        g2d("predict", run, "--data", tmp_path / "t.csv", "--out", tmp_path / "p.csv").status == 0
    )
    answers = {float(row["prediction"]) for row in told(tmp_path / "p.csv")}
    assert len(answers) > 100
    assert min(stamps) < min(answers) < max(answers) < max(stamps)
