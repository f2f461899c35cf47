"""Day and month are told apart by a column's values, and where not, that is said."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.errors import UserError
from g2d.table.columns.schema import infer
from g2d.table.inspection.inspect import inspect_table
from g2d.table.kinds import Tabular
from g2d.table.reading.dates import order_of, read_date
from g2d.table.reading.source import Table

DAYS = st.dates(date(1000, 1, 1), date(9999, 12, 31))
FORMS = {
    "day_first": ["%d.%m.%Y", "%d/%m/%Y", "%d-%m-%Y"],
    "month_first": ["%m/%d/%Y", "%m-%d-%Y"],
}


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)), st.data())
def test_what_python_writes_is_read(moment, data):
    written = data.draw(st.sampled_from(sorted(FORMS)))
    form = data.draw(st.sampled_from(FORMS[written]))
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert read_date(moment.strftime(f"{form} %H:%M:%S"), written) == whole
    assert read_date(moment.strftime(form), written).date() == moment.date()
    assert read_date(moment.isoformat(), written) == moment.replace(tzinfo=UTC)
    assert read_date(moment.strftime(form)) is None  # as ISO it is none


@given(st.datetimes(datetime(1000, 1, 1), datetime(9999, 12, 31)))
@pytest.mark.parametrize("form", ["%Y/%m/%d", "%Y.%m.%d"])
def test_a_year_that_comes_first_tells_the_rest(form, moment):
    whole = moment.replace(microsecond=0, tzinfo=UTC)
    assert read_date(moment.strftime(f"{form} %H:%M:%S")) == whole
    assert read_date(moment.strftime(form).replace("/0", "/"), "day_first").date() == moment.date()


@pytest.mark.parametrize(
    ("form", "said"),
    [
        ("%d.%m.%y", "two digits for the year"),
        ("%m/%d/%y", "two digits"),
        ("%H:%M", "times of day"),
    ],
)
def test_dates_and_times_that_are_not_read_are_called_so(form, said):
    moments = [datetime(2024, 1, 1, 0, 0, tzinfo=UTC) + n * timedelta(hours=7) for n in range(90)]
    cells = list(dict.fromkeys(moment.strftime(form) for moment in moments))
    columns = {"seen": cells, "y": ["yn"[n % 2] for n in range(len(cells))]}
    assert said in infer(Table(columns, Path(), "t"), "y").unused["seen"]


@given(st.lists(DAYS, min_size=1, max_size=30), st.sampled_from(sorted(FORMS)), st.data())
def test_a_day_above_12_decides_and_its_lack_is_said(days, written, data):
    form = data.draw(st.sampled_from(FORMS[written]))
    order = order_of([day.strftime(form) for day in days])
    assert order.count == len(days)
    if any(day.day > 12 for day in days):
        assert (order.written, order.unsure) == (written, "")
    else:
        assert order.written == "day_first"
        # nothing is unsure where the guess cannot matter
        differ = any(day.day != day.month for day in days)
        assert bool(order.unsure) == (differ and "." not in form)


@pytest.mark.parametrize(
    "cell",
    ["31.02.2024", "1.1.24", "1/2-2024", "32/01/2024", "13/13/2024", "1.2.3.2024", "١.١.٢٠٢٤"],
)
def test_what_is_no_date_either_way(cell):
    assert read_date(cell, "day_first") is None
    assert read_date(cell, "month_first") is None


def test_most_values_win_over_slips():
    order = order_of(["25/12/2024"] * 9 + ["12/25/2024", "soon", None])
    assert (order.written, order.count, order.unsure) == ("day_first", 9, "")
    assert order_of(["2024-01-02"] * 3).written == "iso"
    assert order_of([None, "x"]).count == 0


def fitted(cells, **options):
    kind = Tabular(["d"], **options)
    arrays = [kind.decode({"d": cell}, Path()) for cell in cells]
    kind.fit(lambda: iter(arrays))
    return kind, np.stack([kind.finish(array) for array in arrays])


@given(st.lists(DAYS, min_size=2, max_size=10), st.sampled_from(sorted(FORMS)))
def test_a_column_is_the_same_however_it_is_written(days, written):
    days = [date(2000, 1, 31), *days]  # which tells the two apart
    _, iso = fitted([day.isoformat() for day in days])
    kind, made = fitted([day.strftime(FORMS[written][0]) for day in days])
    np.testing.assert_array_equal(made, iso)
    again = Tabular(["d"], **kind.options)
    again.load_state(json.loads(json.dumps(kind.state())))
    new = kind.decode({"d": "01/02/2003"}, Path())
    expected = kind.decode({"d": "2003-02-01" if written == "day_first" else "2003-01-02"}, Path())
    np.testing.assert_array_equal(again.finish(new), kind.finish(expected))
    assert again.remark(kind.decode({"d": "tomorrow"}, Path()))
    assert not again.remark(new)


def test_a_guess_is_said_and_can_be_put_right(caplog):
    cells = ["03/02/2024", "04/02/2024"]
    _, guessed = fitted(cells)
    assert "d: no value tells day from month ('03/02/2024' may be either)" in caplog.text
    caplog.clear()
    _, meant = fitted(cells, dates={"d": "month_first"})
    _, expected = fitted(["2024-03-02", "2024-04-02"])
    assert not caplog.text
    np.testing.assert_array_equal(meant, expected)
    assert not np.array_equal(guessed, meant)
    with pytest.raises(UserError, match="dates: got 'year_first' for 'd', expected iso, day_first"):
        Tabular(["d"], dates={"d": "year_first"})
    with pytest.raises(UserError, match="dates: got 'iso' for 'e'"):
        Tabular(["d"], dates={"e": "iso"})


def test_an_inspected_table_tells_of_it(tmp_path):
    rows = "".join(
        f"{1 + i % 5}/{1 + i % 7}/2024,{i * 7 % 13}.5,a {i} b c,{i % 2}\n" for i in range(40)
    )
    (tmp_path / "t.csv").write_text("seen,size,said,y\n" + rows)
    recipe, notes = inspect_table(tmp_path / "t.csv", "y")
    assert recipe["data"]["modalities"]["tabular"]["columns"] == ["seen", "size"]
    (note,) = [note for note in notes if "month_first" in note]
    assert note.startswith("tabular: seen: no value tells day from month ('1/6/2024'")
    cells = [f"{1 + day}.6.2024" for day in range(28)]
    table = Table({"day": cells, "y": ["0", "1"] * 14}, Path(), "t")
    assert infer(table, "y").modalities["tabular"]["columns"] == ["day"]
