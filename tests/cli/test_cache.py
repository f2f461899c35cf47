"""`g2d data cache`: what is kept of tables, and how it goes."""

from __future__ import annotations

import os
import time

import pytest

from g2d.runs.run import Run


@pytest.fixture
def cache(tmp_path, monkeypatch):
    folder = tmp_path / "cache"
    monkeypatch.setenv("G2D_CACHE", str(folder))
    return folder


@pytest.fixture
def table(tmp_path):
    lines = [f"{row % 7},{row % 5},{'low' if row % 2 else 'high'}" for row in range(80)]
    file = tmp_path / "plants.csv"
    file.write_text("size,leaves,kind\n" + "\n".join(lines) + "\n")
    return file


def trained(g2d, table, out):
    recipe = out.with_suffix(".yaml")
    recipe.write_text(
        f"data: {{name: table, table: {table}, target: kind, modalities: "
        "{size: {kind: tabular, columns: [size]}, leaves: {kind: tabular, columns: [leaves]}}}\n"
        "encoders: {size: auto, leaves: auto}\nfusion: late\nmethod: joint\n"
        "training: {epochs: 2, batch_size: 16, optimizer: adamw, learning_rate: 0.01}\n"
    )
    said = g2d("train", recipe, "--out", out, "--name", "run")
    assert said.status == 0, said.err
    return Run(out / "run").result["test"]


def test_what_is_removed_is_made_again(g2d, cache, table, tmp_path):
    before = trained(g2d, table, tmp_path / "one")
    (cache / "letter.txt").write_text("not of g2d")
    (cache / "tables" / "letters").mkdir()
    made = [path for path in (cache / "tables").iterdir() if len(path.name) == 16]
    assert made
    said = g2d("data", "cache")
    assert said.status == 0, said.err
    assert all(f"tables/{path.name}" in said.out for path in made)
    assert f"{cache}: {len(made)} folder" in " ".join(said.out.split())
    said = g2d("data", "cache", "--clear")
    assert said.status == 0, said.err
    assert said.out.startswith(f"removed from {cache}: {len(made)} folder")
    assert not any(path.exists() for path in made)
    assert (cache / "letter.txt").read_text() == "not of g2d"
    assert (cache / "tables" / "letters").is_dir()
    assert not list((cache / "tables").glob(".*.tmp"))
    assert g2d("data", "cache").out == f"{cache}: 0 folders, 0.0 MB\n"
    assert trained(g2d, table, tmp_path / "two") == before


def test_only_what_is_older_is_removed(g2d, cache):
    for name, days in (("0123456789abcdef", 40), ("fedcba9876543210", 2)):
        file = cache / "tables" / name / "rows.npy"
        file.parent.mkdir(parents=True)
        file.write_bytes(b"1234")
        os.utime(file, (time.time() - 86400 * days,) * 2)
    said = g2d("data", "cache", "--older-than", "30")
    assert "g2d data cache --clear --older-than 30 removes them" in said.out
    assert "fedcba" not in said.out
    assert g2d("data", "cache", "--clear", "--older-than", "30").status == 0
    assert [path.name for path in (cache / "tables").iterdir()] == ["fedcba9876543210"]


@pytest.mark.parametrize("days", ["soon", "-1", "nan"])
def test_days_are_a_number(g2d, cache, days):
    said = g2d("data", "cache", f"--older-than={days}")
    assert said.status == 2
    assert f"--older-than: got '{days}', expected a number of days, 0 or more" in said.err


def test_there_may_be_no_cache(g2d, cache):
    assert g2d("data", "cache").out == f"{cache}: 0 folders, 0.0 MB\n"
    assert g2d("data", "cache", "--clear").status == 0
