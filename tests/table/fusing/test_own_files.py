"""What `g2d predict` wrote is taken by `g2d ensemble` as it stands."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from g2d.cli.main import main
from table.fusing.written import fitted, models, predicted, refused, rows_of, write

RNG = np.random.default_rng(0)
ROWS = 120


@pytest.fixture
def made(tmp_path, monkeypatch):
    """A run, its predictions of a table with ids out of order, and another model by hand."""
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))

    def make(numbers):
        x = RNG.normal(size=ROWS)
        y = [f"{v:.3f}" if numbers else "yn"[int(v > 0)] for v in x + RNG.normal(0, 0.3, ROWS)]
        ids = RNG.permutation(ROWS) + 1000
        with (tmp_path / "t.csv").open("w", newline="") as stream:
            table = csv.writer(stream)
            table.writerow(["id", "x", "note", "y"])
            rows = zip(ids, x, y, strict=True)
            table.writerows([n, f"{v:.3f}", f"the dog number {n} runs", z] for n, v, z in rows)
        out = ["--out", tmp_path / "runs", "--name", "r"]
        words = ["train", tmp_path / "t.csv", "--target", "y", "--method", "joint", *out]
        assert main([*map(str, words), "--training.epochs", "2"]) == 0
        words = ["predict", tmp_path / "runs" / "r", "--data", tmp_path / "t.csv"]
        assert main([*map(str, words), "--out", str(tmp_path / "own.csv")]) == 0
        shares = RNG.dirichlet([1, 1], ROWS).round(6)
        write(tmp_path / "labels.csv", ["y"], [[v] for v in y], ids)
        if numbers:
            write(tmp_path / "other.csv", ["y"], [[f"{v:.3f}"] for v in x], ids)
        else:
            write(tmp_path / "other.csv", ["n", "y"], shares, ids)
        return ids

    return make


@pytest.mark.parametrize("numbers", [False, True])
def test_it_counts_as_the_table_of_its_probabilities(made, tmp_path, numbers):
    ids = made(numbers)
    own = rows_of(tmp_path / "own.csv")
    columns = ["prediction"] if numbers else ["p(n)", "p(y)"]
    rows = [[row[name] for name in columns] for row in own]
    write(tmp_path / "bare.csv", [name.strip("p()") for name in columns], rows, ids)
    other = f"b={tmp_path / 'other.csv'}"
    as_it_stands = fitted(tmp_path, [f"a={tmp_path / 'own.csv'}", other])
    assert as_it_stands == fitted(tmp_path, [f"a={tmp_path / 'bare.csv'}", other])
    fused = predicted(tmp_path, [f"a={tmp_path / 'own.csv'}", other])
    assert [row["id"] for row in fused] == [str(one) for one in ids]


def test_labels_that_are_not_known_are_told_from_none(tmp_path, capsys):
    write(tmp_path / "labels.csv", ["y"], [["wet|cold"], ["wet"], [""], ["none"]] * 9)
    said = [RNG.random((36, 2)).round(3) for _ in range(2)]
    given = models(tmp_path, ["wet", "cold"], a=said[0], b=said[1])
    labels = ["--labels", tmp_path / "labels.csv", "--task", "multilabel"]
    line = refused(capsys, *given, *labels, "--of", "probabilities")
    assert "row 3: no target; leave out rows whose label is not known; where a row has no" in line
