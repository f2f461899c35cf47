"""New rows that are written otherwise than those of training, as the preprocessing sees them."""

from __future__ import annotations

from pathlib import Path

import pytest

from g2d.errors import UserError
from g2d.table.kinds import Tabular
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
