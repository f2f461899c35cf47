"""What `g2d ensemble` writes, and may not write over."""

from __future__ import annotations

import os

import numpy as np
import pytest

from table.fusing.written import fitted, models, refused, write

RNG = np.random.default_rng(6)
TRUTH = RNG.integers(0, 2, 60)
NAMES = ["ill", "well"]


@pytest.fixture
def said(tmp_path):
    write(tmp_path / "labels.csv", ["state"], [[NAMES[one]] for one in TRUTH])
    rows = {n: 2 * np.eye(2)[TRUTH] + RNG.normal(size=(60, 2)) for n in "ab"}
    return models(tmp_path, NAMES, **rows)


@pytest.mark.parametrize("over", ["a.csv", "b.csv", "labels.csv", "x/../a.csv", "linked.csv"])
def test_a_fit_does_not_write_over_what_it_reads(tmp_path, capsys, said, over):
    (tmp_path / "x").mkdir()
    os.link(tmp_path / "b.csv", tmp_path / "linked.csv")
    before = {file: file.read_bytes() for file in tmp_path.glob("*.csv")}
    words = [*said, "--labels", tmp_path / "labels.csv", "--out", tmp_path / over]
    assert "is read by this command; give another file to write (--out)" in refused(capsys, *words)
    assert {file: file.read_bytes() for file in tmp_path.glob("*.csv")} == before


def test_predictions_are_not_written_over_what_is_read(tmp_path, capsys, said, monkeypatch):
    fitted(tmp_path, said)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").rename(tmp_path / "fused.csv")
    weights = tmp_path / "ensemble.json"
    words = ["a=fused.csv", "b=b.csv", "--weights", weights]
    assert "fused.csv is read by this command" in refused(capsys, *words)  # written by default
    words = ["a=fused.csv", "b=b.csv", "--weights", weights, "--out", weights]
    assert "ensemble.json is read by this command" in refused(capsys, *words)


def test_a_folder_is_no_file_to_write(tmp_path, capsys, said):
    words = [*said, "--labels", tmp_path / "labels.csv", "--out", tmp_path]
    assert "is a folder; give a file to write (--out)" in refused(capsys, *words)


def test_one_file_is_not_two_models(tmp_path, capsys, said):
    words = [said[0], f"other={tmp_path / 'a.csv'}", "--labels", tmp_path / "labels.csv"]
    assert "a and other are one file" in refused(capsys, *words)
