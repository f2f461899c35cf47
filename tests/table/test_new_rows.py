"""New rows that are written otherwise than those of training, as the preprocessing sees them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from g2d.errors import UserError
from g2d.table.kinds import Features, Tabular
from g2d.table.preprocessing import Preprocessing
from g2d.table.reading.source import Table

HERE = Path()


def fitted(kind, rows):
    arrays = [kind.decode(row, HERE) for row in rows]
    kind.fit(lambda: iter(arrays))
    return kind


def dated(cells):
    kind = fitted(Tabular(["day", "age"]), [{"day": cell, "age": "3"} for cell in cells])
    return Preprocessing({"tabular": kind}, "y")


GERMAN = [f"{day}.0{month}.2024" for day in range(11, 29) for month in (1, 2, 3)]


@pytest.mark.parametrize(
    ("cells", "said"),
    [
        (["03/02/2024", "12/31/2024"], "'12/31/2024', which has the month first, and '03/02/2024'"),
        (["12/31/2024", "11/30/2024", "31/12/2024", "03/02/2024"], "trained on dates with the day"),
    ],
)
def test_dates_in_the_other_order_are_refused(cells, said):
    with pytest.raises(UserError, match=said):
        dated(GERMAN).check_columns(Table({"day": cells, "age": ["1"] * len(cells)}, HERE, "t"))


@pytest.mark.parametrize(
    "cells",
    [
        ["03/02/2024", "31/12/2024", "12/31/2024"],  # a slip among dates as they should be
        ["12/31/2024", "11/30/2024"],  # none is read wrongly: each is reported
        ["03/02/2024", "04.05.2024"],  # nothing speaks against the order of training
        ["12/12/2024", "12/31/2024"],  # the same in both orders
        ["2024-12-31", "2024-03-02", "12/31/2024"],
        [None, "never"],
    ],
)
def test_other_dates_are_not_refused(cells):
    table = Table({"day": cells, "age": ["1"] * len(cells)}, HERE, "t")
    assert dated(GERMAN).check_columns(table) == []


def test_dates_of_training_with_the_month_first():
    american = [f"0{month}/{day}/2024" for day in range(11, 29) for month in (1, 2, 3)]
    table = Table({"day": ["31.12.2024", "03.02.2024"], "age": ["1", "2"]}, HERE, "t")
    with pytest.raises(UserError, match=r"has the day first, and '03\.02\.2024'"):
        dated(american).check_columns(table)


def block(rows=200, width=10):
    """A block of numbered columns beside a column of numbers, through JSON as a run keeps it."""
    rng = np.random.default_rng(0)
    columns = [f"f{n}" for n in range(width)]
    made = [
        {
            name: f"{v:.4f}"
            for name, v in zip([*columns, "age"], rng.normal(100, 5, width + 1), strict=False)
        }
        for _ in range(rows)
    ]
    kinds = {"f": fitted(Features(columns), made), "tabular": fitted(Tabular(["age"]), made)}
    kept = json.loads(json.dumps(Preprocessing(kinds, "y").as_dict()))
    return Preprocessing.from_dict(kept), made


def test_the_ends_of_a_block_are_those_of_its_columns():
    known, made = block()
    for name in ("f0", "f9", "age"):
        values = [float(row[name]) for row in made]
        assert known.ends[name] == [min(values), max(values)]


@pytest.mark.parametrize(("moved", "said"), [(0, False), (4, False), (5, True), (10, True)])
def test_of_a_block_half_of_the_columns_are_doubtful(moved, said):
    known, made = block()
    row = made[0] | {f"f{n}": f"{float(made[0][f'f{n}']) * 1000:.1f}" for n in range(moved)}
    outside = known.outside(row)
    assert len(outside) == moved
    found = known.doubtful({}, outside)
    assert ("f" in found) is said
    assert "f0" not in found
    if said:
        assert found["f"].startswith(f"{moved} of its 10 columns are outside those of training")
    assert set(known.doubtful({}, known.outside(row | {"age": "1e9"}))) - {"f"} == {"age"}


def test_folders_without_ends_of_a_block_say_nothing():
    kept = block()[0].as_dict()
    kept["modalities"]["f"].pop("remembered")
    assert set(Preprocessing.from_dict(kept).ends) == {"age"}
