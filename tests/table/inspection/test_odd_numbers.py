"""Numbers that are none, and columns that are the target in another measure: named by inspect."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from g2d.table.inspection.inspect import inspect_table

WORDS = np.array(["the", "of", "near", "house", "tree", "walk", "day", "long", "time", "river"])


def frame(rows=80):
    rng = np.random.default_rng(0)
    return pd.DataFrame(
        {
            "note": [" ".join(rng.choice(WORDS, 7)) for _ in range(rows)],
            "warmth": rng.normal(15, 3, rows).round(2),
            "y": rng.normal(0, 1, rows).round(4),
        }
    )


def said_of(table, tmp_path):
    table.to_csv(tmp_path / "t.csv", index=False)
    return inspect_table(tmp_path / "t.csv", "y")[1]


@pytest.mark.parametrize("column", ["warmth", "y"])
def test_a_value_that_stands_for_none_is_named(tmp_path, column):
    table = frame()
    low, high = table[column][6:].min(), table[column][6:].max()
    table.loc[:5, column] = -999
    (note,) = [note for note in said_of(table, tmp_path) if "-999" in note]
    assert note.startswith(f"{column}: -999 in 6 of 80 (8 %) rows lies far from all other numbers")
    assert f"({low:g} to {high:g})" in note


def test_one_of_a_block_is_named(tmp_path):
    table = frame().join(pd.DataFrame({f"f{n}": frame().warmth + n / 10 for n in range(9)}))
    table.loc[:5, "f3"] = 9999
    assert [note[:20] for note in said_of(table, tmp_path) if "9999" in note] == [
        "f3: 9999 in 6 of 80 "
    ]


def test_what_is_no_placeholder_is_not_called_one(tmp_path):
    table = frame()
    table.loc[0, "warmth"] = -999  # once: a slip, or the truth
    table["zeros"] = np.where(np.arange(80) % 4, 0, table.y.abs())  # near the others
    table["flag"] = np.arange(80) % 2 * 1000
    table["capped"] = np.minimum(np.arange(80) * 2, 100)
    assert not [note for note in said_of(table, tmp_path) if "lies far" in note]


def test_a_row_of_sums_is_named_and_no_other(tmp_path):
    table = frame().assign(sold=np.arange(80) * 3)
    assert not [note for note in said_of(table, tmp_path) if "total" in note]
    sums = {"note": "Total", "sold": table.sold.sum(), "y": table.y.sum()}
    (note,) = [
        note
        for note in said_of(pd.concat([table, pd.DataFrame([sums])]), tmp_path)
        if "total" in note
    ]
    assert note == (
        f"the last row looks like a total (sold is {table.sold.sum()}, the sum of the others); "
        "take it out"
    )
    # without a target it is left out anyway
    sums.pop("y")
    last = said_of(pd.concat([table, pd.DataFrame([sums])]), tmp_path)
    assert not [note for note in last if "total" in note]


@pytest.mark.parametrize(
    ("made", "named"),
    [
        (lambda y: np.exp(y), True),
        (lambda y: -np.exp(y), True),
        (lambda y: np.exp(y).round(2), True),  # digits are cut off, and the order is the same
        (lambda y: np.exp(y) + np.random.default_rng(1).normal(0, 0.1, len(y)), False),
        (lambda y: (y > 0) * 1, False),
        (lambda y: y**2, False),
    ],
)
def test_the_target_in_another_measure_is_named(tmp_path, made, named):
    table = frame()
    notes = said_of(table.assign(z=made(table.y)), tmp_path)
    assert any("z is y under another name" in note for note in notes) is named
