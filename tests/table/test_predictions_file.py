"""Predictions of a table, in a file."""

from __future__ import annotations

import csv
import re

import numpy as np
import pytest

from cli.conftest import g2d  # noqa: F401 (a fixture)
from g2d.table.columns.targets import read_target
from g2d.table.kinds import Tabular


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


@pytest.mark.parametrize("divided", [1, 100])
def test_numbers_outside_those_of_training_are_said(g2d, trained, tmp_path, divided):  # noqa: F811
    """Training had centimetres, the new rows have metres."""
    heights = np.random.default_rng(0).normal(170, 9, 120)
    answers = ["yn"[int(height > 170)] for height in heights]
    run = trained(height=[f"{v:.1f}" for v in heights], y=answers)
    write(tmp_path / "new.csv", height=[f"{v / divided:.3f}" for v in heights])
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    low, high = min(heights), max(heights)
    about = (
        f"doubtful, in 120 of 120 (100 %) rows: height is outside the {low:.4g} to {high:.4g} of "
        f"training, for example {heights[0] / 100:.3f}; is it in another unit?"
    )
    assert (about in said.out) == (divided == 100), said.out


@pytest.mark.parametrize("times", [1, 1000])
def test_numbers_of_a_block_outside_those_of_training_are_said(g2d, trained, tmp_path, times):  # noqa: F811
    """Three of ten numbered columns are in another unit."""
    rng = np.random.default_rng(0)
    values = {f"f{n}": rng.normal(100, 5, 120) for n in range(10)}
    run = trained(y=["yn"[int(v > 100)] for v in values["f0"]], **spelt(values))
    moved = {name: v * (times if name in ("f2", "f3", "f7") else 1) for name, v in values.items()}
    write(tmp_path / "new.csv", **spelt(moved))
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    assert ("3 of the 10 columns of f (f2, f3 and f7) hold" in said.out) == (times == 1000), said
    assert said.out.count("doubtful") == (times == 1000)


def spelt(columns):
    return {name: [f"{v:.3f}" for v in values] for name, values in columns.items()}


def test_values_of_a_category_that_are_not_kept_are_said(g2d, trained, tmp_path):  # noqa: F811
    cities = [f"city{n % 60}" for n in range(180)]
    run = trained(city=cities, y=["yn"[n % 2] for n in range(180)])
    (tmp_path / "new.csv").write_text("city,note\ncity0,the dog\ncity9,a cat\ncity59,the dog\n")
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    assert re.search(
        r"city \(not known from training, or one of the 2\d values too rare there to be kept: '",
        said.out,
    )


def test_training_says_of_how_many_cells_the_value_is_not_kept(tmp_path):
    rows = [{"city": f"city{n}"} for n in range(40) for _ in range(1 + (n < 32))]
    kind = Tabular(["city"])
    kind.fit(lambda: (kind.decode(row, tmp_path) for row in rows))
    assert kind.shortened(rows, tmp_path) == [
        "8 of 72 (11 %) cells looked at of 'city' hold none of its 32 commonest values and are "
        "treated alike; a larger categories: keeps more"
    ]


def test_a_text_without_a_known_word_is_said(g2d, trained, tmp_path):  # noqa: F811
    run = trained(x=[f"{n}.5" for n in range(80)], y=["yn"[n % 2] for n in range(80)])
    (tmp_path / "new.csv").write_text("x,note\n3.5,der Hund läuft heim\n4.5,the dog runs\n")
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    assert "not used, row 1: note: note: none of its 4 words is known from training" in said.out
    assert [row["not used"] for row in told(tmp_path / "p.csv")][1] == ""


@pytest.mark.parametrize("rare", ["wet", "None"])
def test_no_label_is_told_from_no_prediction(g2d, trained, tmp_path, rare):  # noqa: F811
    """Labels that are rare are hardly ever predicted; a row of empty cells has no prediction."""
    labels = [
        '["cold"]' if n % 20 == 0 else f'["cold", "{rare}"]' if n % 21 == 0 else "[]"
        for n in range(120)
    ]
    quoted = [f'"{label.replace(chr(34), chr(34) * 2)}"' for label in labels]
    run = trained(x=[str(n % 7) for n in range(120)], y=quoted)
    (tmp_path / "new.csv").write_text("x,note\n3,the dog number 3 runs home\n,\n")
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv")
    assert said.status == 0
    first, empty = told(tmp_path / "p.csv")
    nothing = "none" if rare == "wet" else "[]"
    assert (first["prediction"], first["tabular alone"]) == (nothing, nothing)
    assert (empty["prediction"], empty["tabular alone"]) == ("", "")
    # and so it is read again
    assert not read_target([nothing, "cold"], "y", "multilabel").values[0].any()


def test_what_concerns_many_rows_is_said_whole_and_rows_are_counted(g2d, trained, tmp_path):  # noqa: F811
    columns = {f"kind{n}": [f"{n}{'ab'[row % 2]}" for row in range(60)] for n in range(8)}
    run = trained(
        x=[f"{n}.5" for n in range(60)], y=["yn"[n % 3 == 0] for n in range(60)], **columns
    )
    other = {name: ["new"] * 60 for name in columns}
    write(tmp_path / "new.csv", x=[*"0123456789", *["old"] * 50], **other)
    said = g2d("predict", run, "--data", tmp_path / "new.csv", "--out", tmp_path / "p.csv").out
    assert said.count("not known from training: 'new'") == 8
    assert said.count("not used, row ") == 5
    assert "and 45 more rows with parts that could not be used" in said


@pytest.mark.parametrize("name", ["p.parquet", "p.csv.gz"])
def test_predictions_are_not_written_under_the_name_of_another_format(
    g2d,  # noqa: F811
    trained,
    tmp_path,
    name,
):
    run = trained(x=[f"{n}.5" for n in range(60)], y=["yn"[n % 3 == 0] for n in range(60)])
    said = g2d("predict", run, "--data", tmp_path / "t.csv", "--out", tmp_path / name)
    assert said.status == 2
    assert "predictions are written as CSV; name it " in said.err
    assert not (tmp_path / name).exists()
