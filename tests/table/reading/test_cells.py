"""Numbers and dates in cells mean the same wherever the program runs."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.table.reading.cells import date_of, number_of


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_bit_for_bit(value):
    assert number_of(repr(value)) == value


@pytest.mark.parametrize(
    "cell", [None, "", "inf", "-Infinity", "nan", "1_000", "1,5", "3 m", "1e400", "0x1", "½", "²"]
)
def test_what_is_no_number(cell):
    assert number_of(cell) != number_of(cell)


@given(st.datetimes(), st.datetimes())
def test_dates_are_ordered_as_they_were(first, second):
    one, other = date_of(first.isoformat()), date_of(second.isoformat())
    assert (one < other) == (first < second)
    assert (one.timestamp() < other.timestamp()) <= (first <= second)


def test_time_zones_are_minded():
    moments = ["2024-03-31T00:30:00+02:00", "2024-03-30T23:00:00Z", "2024-03-30T23:30:00"]
    stamps = [date_of(cell).timestamp() for cell in moments]
    assert stamps == [1711837800.0, 1711839600.0, 1711841400.0]  # by `date -u -d ... +%s`
    assert date_of(moments[0]).hour == 0  # the hour is the clock's on the wall


@pytest.mark.parametrize("cell", [None, "", "2024-13-01", "29 Feb", "today", "-2024-01-01"])
def test_what_is_no_date(cell):
    assert date_of(cell) is None


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the time zone is that of the system")
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Tokyo"])
def test_the_local_time_zone_plays_no_part(monkeypatch, zone):
    with monkeypatch.context() as patch:
        patch.setenv("TZ", zone)
        time.tzset()
        assert time.localtime(0).tm_hour != 0
        stamp = date_of("2024-06-01T12:00").timestamp()
    time.tzset()
    assert stamp == 1717243200.0
