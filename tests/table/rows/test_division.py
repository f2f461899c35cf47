"""Splits are disjoint, complete, as large as they should be, and the same every time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.table.columns.targets import in_order, read_target
from g2d.table.dataset import TableData
from g2d.table.reading.source import Table
from g2d.table.rows.division import SplitBy, divide, unplaced, val_is_drawn


def table(**columns):
    return Table(columns, Path(), "t.csv")


def divided(cells, usable=None, how=None, task="auto", **columns):
    whole = table(y=cells, **columns)
    target = read_target(cells, "y", task)
    usable = np.ones(len(cells), bool) if usable is None else usable
    return divide(whole, target, SplitBy.of(how), usable)


labels = st.lists(st.sampled_from("aaabbc"), min_size=12, max_size=80).map(lambda x: ["a", "b", *x])


@given(labels, st.integers(0, 3), st.floats(0.1, 0.4), st.floats(0.1, 0.4))
def test_by_lot(cells, seed, val, test):
    how = {"val": val, "test": test, "seed": seed}
    parts = divided(cells, how=how, task="classification")
    everything = np.concatenate(parts)
    assert sorted(everything.tolist()) == list(range(len(cells)))
    again = divided(cells, how=how, task="classification")
    assert all(np.array_equal(one, other) for one, other in zip(parts, again, strict=True))
    assert {cells[row] for row in parts.train} == set(cells)  # every class can be learnt
    # of each class its share, up to the rows that rounding moves from class to class
    for name in set(cells):
        size = cells.count(name)
        drawn = sum(cells[row] == name for row in parts.test)
        assert abs(drawn - min(test * size, size - 1)) <= 1.5
    assert abs(len(parts.test) - test * len(cells)) <= 2.5


@given(labels, st.permutations("abc"))
def test_the_order_of_classes_changes_no_draw(cells, order):
    """Otherwise a result with an order would be of other test rows than one without."""
    target, every = read_target(cells, "y", "classification"), np.ones(len(cells), bool)
    one = divide(table(y=cells), target, SplitBy.of(None), every)
    other = divide(table(y=cells), in_order(target, order), SplitBy.of(None), every)
    assert all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_another_seed_draws_others_and_unusable_rows_are_in_none():
    cells = ["a", "b"] * 50
    usable = np.arange(100) % 5 > 0
    one, other = (divided(cells, usable, {"seed": seed}) for seed in (0, 1))
    assert not np.array_equal(one.test, other.test)
    for parts in (one, other):
        assert sorted(np.concatenate(parts).tolist()) == np.flatnonzero(usable).tolist()


def test_many_classes_of_two_rows_are_still_divided():
    parts = divided([f"c{n // 2}" for n in range(200)], task="classification")
    assert len(parts.val) == pytest.approx(30, abs=3)
    assert len(parts.test) == pytest.approx(30, abs=3)


@given(st.integers(3, 200))
def test_numbers_are_drawn_as_they_come(count):
    parts = divided([f"{n}.5" for n in range(count)], task="regression")
    assert sorted(np.concatenate(parts).tolist()) == list(range(count))
    assert abs(len(parts.test) - 0.15 * count) <= 1


@pytest.mark.parametrize("cells", [["a", "b"], ["a", "b", "a"]])
def test_tables_of_two_and_three_rows_end_in_one_line(cells):
    with pytest.raises(UserError, match=r"no rows are left for (val|test) .* add rows"):
        divided(cells)


def test_a_column_is_followed_and_what_it_lacks_is_drawn():
    words = ["train"] * 6 + ["Dev", "valid"] + ["TEST", "testing"]
    parts = divided(["a", "b"] * 5, how={"column": "part"}, part=words)
    assert [part.tolist() for part in parts] == [[0, 1, 2, 3, 4, 5], [6, 7], [8, 9]]
    words = ["train"] * 60 + ["test"] * 40
    parts = divided(["a", "b"] * 50, how={"column": "part", "val": 0.1}, part=words)
    assert parts.test.tolist() == list(range(60, 100))
    assert len(parts.val) == 6
    assert set(parts.val) | set(parts.train) == set(range(60))


@given(st.lists(st.sampled_from("pqrstu"), min_size=30, max_size=60), st.integers(0, 3))
def test_no_group_is_in_two_splits(groups, seed):
    groups = ["p", "q", "r", *groups]
    cells = ["a", "b", "a", *(["a", "b"] * 30)[: len(groups) - 3]]
    parts = divided(cells, how={"group": "who", "seed": seed}, who=groups)
    found = [{groups[row] for row in part} for part in parts]
    assert sum(map(len, found)) == len(set(groups))
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(cells)))


@given(st.lists(st.integers(0, 9), min_size=20, max_size=60))
def test_what_comes_later_is_tested_on_and_ties_stay_together(days):
    days = [0, 3, 9, *days]
    cells = [f"2024-01-{day + 1:02}" for day in days]
    parts = divided([f"{n}.5" for n in range(len(days))], how={"time": "day"}, day=cells)
    train, val, test = ([days[row] for row in part] for part in parts)
    assert max(train) < min(val) <= max(val) < min(test)
    assert len(train) + len(val) + len(test) == len(days)


def test_moments_with_time_zones_and_years_as_numbers():
    zones = ["+00:00", "+14:00", "-11:00", "", "Z"] * 8
    hours = [f"2024-01-{1 + n // 24:02}T{n % 24:02}:00{zone}" for n, zone in enumerate(zones)]
    shift = {"+14:00": -14, "-11:00": 11}
    true = [n + shift.get(zone, 0) for n, zone in enumerate(zones)]
    target = [f"{n}.5" for n in range(40)]
    parts = divided(target, how={"time": "when"}, when=hours)
    assert max(true[r] for r in parts.train) < min(true[r] for r in parts.val)
    parts = divided(target, how={"time": "year"}, year=[str(1980 + n) for n in range(40)])
    assert parts.test.tolist() == list(range(34, 40))


def test_one_moment_for_all_cannot_be_divided():
    with pytest.raises(UserError, match="got 1 different moments, expected 3"):
        divided([f"{n}.5" for n in range(9)], how={"time": "day"}, day=["2024-01-01"] * 9)


def strokes(written):
    """A year of days that are all dates either way, and their order in time."""
    days = [(month, day) for month in range(1, 13) for day in (3, 7, 11)]
    cells = [
        f"{m:02}/{d:02}/2024" if written == "month_first" else f"{d}/{m}/2024" for m, d in days
    ]
    return cells, [f"{n}.5" for n in range(len(days))]


@pytest.mark.parametrize("written", ["month_first", "day_first"])
def test_the_order_of_day_and_month_is_told_or_the_division_refused(written):
    cells, target = strokes(written)
    with pytest.raises(UserError, match=r"split\.time: no value of 'when' tells day from month"):
        divided(target, how={"time": "when"}, when=cells)
    with pytest.raises(UserError, match="add dates: day_first or dates: month_first to split"):
        unplaced(table(when=cells), SplitBy(time="when"))
    parts = divided(target, how={"time": "when", "dates": written}, when=cells)
    assert np.concatenate(parts).tolist() == list(range(36))  # the oldest first


@pytest.mark.parametrize("written", ["month_first", "day_first"])
def test_a_modality_that_says_how_dates_are_written_is_listened_to(written, tmp_path):
    cells, target = strokes(written)
    frame = pandas.DataFrame({"when": cells, "x": target, "z": target[::-1], "y": ["u", "v"] * 18})
    kinds = {
        "a": {"kind": "tabular", "columns": ["x", "when"], "dates": {"when": written}},
        "b": {"kind": "tabular", "columns": ["z"]},
    }
    data = TableData(frame, "y", kinds, split={"time": "when"}, cache=tmp_path)
    assert data.contents.split.dates == written
    splits = data.splits()
    rows = [row for part in (splits.train, splits.val, splits.test) for row in part.rows.tolist()]
    assert rows == list(range(36))
    other = "day_first" if written == "month_first" else "month_first"
    kinds["b"] = {"kind": "tabular", "columns": ["z", "when"], "dates": {"when": other}}
    with pytest.raises(UserError, match="in different ways \\(day_first, month_first\\)"):
        TableData(frame, "y", kinds, split={"time": "when"}, cache=tmp_path)


def test_rows_that_cannot_be_placed_are_named():
    whole = table(who=["a", None, "b"], day=["2024-01-01", "soon", None], part=["train", None, "x"])
    assert unplaced(whole, SplitBy()) == {}
    assert unplaced(whole, SplitBy(group="who")) == {1: "who is empty"}
    assert unplaced(whole, SplitBy(time="day")) == {1: "day: 'soon' is no date", 2: "day is empty"}
    with pytest.raises(UserError, match="part, row 3: got 'x', expected train, training"):
        unplaced(whole, SplitBy(column="part"))
    with pytest.raises(UserError, match="has no column 'where'"):
        unplaced(whole, SplitBy(group="where"))
    with pytest.raises(UserError, match="no row can be placed by g"):
        unplaced(table(g=[None, None]), SplitBy(group="g"))


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"by": "who"}, "split.by: no such option"),
        ({"group": "a", "time": "b"}, "give one of"),
        ({"val": 0.6, "test": 0.5}, "together below 1"),
        ({"val": "10%"}, "split.val: got '10%'"),
        ({"test": 0}, "split.test: got 0"),
        ({"seed": -1}, "seed"),
        (
            {"time": "a", "dates": "american"},
            "split.dates: got 'american', expected iso, day_first",
        ),
        ({"group": "a", "dates": "iso"}, "and split.time, the column"),
    ],
)
def test_options_that_are_refused(options, said):
    with pytest.raises(UserError, match=said):
        SplitBy.of(options)


def test_policies_that_differ_have_different_names():
    ways = [{}, {"seed": 1}, {"val": 0.2}, {"group": "a"}, {"time": "a"}, {"column": "a"}]
    assert len({SplitBy.of(way).name for way in ways}) == len(ways)
    assert SplitBy.of({}).name == "70%/15%/15% random, seed 0"


@pytest.mark.parametrize(
    ("how", "drawn"),
    [
        ({}, True),
        ({"column": "marks"}, True),
        ({"column": "all marks"}, False),
        ({"group": "who"}, False),
        ({"time": "day"}, False),
    ],
)
def test_validation_is_drawn_where_no_column_says_which_rows_it_has(how, drawn):
    rows = 40
    columns = {
        "marks": [None, *["Train"] * (rows - 9), *["test"] * 8],
        "all marks": [*["train"] * (rows - 16), *["Valid"] * 8, *["test"] * 8],
        "who": [f"p{row % 10}" for row in range(rows)],
        "day": [str(row) for row in range(rows)],
    }
    whole = table(y=["a", "b"] * (rows // 2), **columns)
    assert val_is_drawn(whole, SplitBy.of(how)) == drawn
    marked = [row for row in range(rows) if (columns.get(how.get("column")) or ["x"] * rows)[row]]
    usable = np.isin(np.arange(rows), marked)
    one, other = (
        divided(["a", "b"] * (rows // 2), usable, {**how, "seed": seed}, **columns).val.tolist()
        for seed in (0, 1)
    )
    assert one
    if how != {"group": "who"}:  # whose draws are of groups
        assert (one != other) == drawn  # what is drawn, another seed draws otherwise


def test_a_column_that_leaves_no_row_to_test_on_is_said(caplog):
    words = ["train"] * 8 + ["test"] * 2
    usable = np.array([word == "train" for word in words])
    with caplog.at_level("WARNING"):
        divided(["a", "b"] * 5, how={"column": "part"}, part=words)
        assert not caplog.messages
        divided(["a", "b"] * 5, usable, how={"column": "part", "test": 0.25}, part=words)
    (said,) = caplog.messages
    assert said.startswith("t.csv: part leaves no usable row to test on; 25 % of its train rows")
