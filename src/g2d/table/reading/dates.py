"""Dates as people write them: the order of day and month, from all values of a column."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from g2d.table.reading.cells import Cell, date_of

Written = Literal["iso", "day_first", "month_first"]
_NUMBERS = re.compile(
    r"(\d{1,2})([./-])(\d{1,2})\2(\d{4})(?:[T ]+(\d{1,2}):(\d{2})(?::(\d{2}))?)?", re.ASCII
)
# The order year, day, month is not in use.
_YEAR_FIRST = re.compile(r"(\d{4})([./])(\d{1,2})\2(\d{1,2})(.*)", re.ASCII)


@lru_cache(2**16)
def read_date(cell: Cell, written: Written = "iso") -> datetime | None:
    """The date in a cell, as ISO 8601 has it or as the column is written; `None` where none is.

    `2024/12/31` and `2024.12.31` are read as ISO 8601 would have them.

    Example:
        >>> read_date("03.02.2024", "day_first").isoformat()
        '2024-02-03T00:00:00+00:00'
        >>> read_date("03/02/2024 17:30", "month_first").isoformat()
        '2024-03-02T17:30:00+00:00'
        >>> read_date("2024-02-03", "day_first").month, read_date("31/12/2024")
        (2, None)
    """
    found = date_of(_with_dashes(cell))
    if found is not None or written == "iso" or cell is None:
        return found
    parts = _NUMBERS.fullmatch(cell)
    if parts is None:
        return None
    first, other = int(parts[1]), int(parts[3])
    day, month = (first, other) if written == "day_first" else (other, first)
    hour, minute, seconds = (int(part or 0) for part in parts.groups()[4:])
    try:
        return datetime(int(parts[4]), month, day, hour, minute, seconds, tzinfo=UTC)
    except ValueError:
        return None


def _with_dashes(cell: Cell) -> Cell:
    """`2024-12-31` for `2024/12/31`; the cell itself where it is none such."""
    if cell is None or (parts := _YEAR_FIRST.fullmatch(cell)) is None:
        return cell
    return f"{parts[1]}-{parts[3]:0>2}-{parts[4]:0>2}{parts[5]}"


@dataclass(frozen=True)
class Order:
    """How the dates of a column are written.

    Attributes:
        written: As most of the values can be read.
        count: How many those are.
        unsure: A value that is a date either way, where no value tells day from month; empty
            where one does.
    """

    written: Written
    count: int
    unsure: str = ""


def order_of(cells: Iterable[Cell]) -> Order:
    """How a column's dates are written, from all of its values.

    A number above 12 is a day. Where there is none, points mean the day first, as
    `month.day.year` is not in use; strokes are taken so too, and `unsure` marks the guess.

    Example:
        >>> order_of(["03.02.2024", "31.01.2024"]).written
        'day_first'
        >>> order_of(["03/02/2024", "01/31/2024"]).written
        'month_first'
        >>> order_of(["03/02/2024", "04/02/2024"])
        Order(written='day_first', count=2, unsure='03/02/2024')
    """
    iso = day = month = 0
    unsure = ""
    for cell in cells:
        if read_date(cell) is not None:
            iso += 1
            continue
        as_day = read_date(cell, "day_first")
        as_month = read_date(cell, "month_first")
        day, month = day + (as_day is not None), month + (as_month is not None)
        if cell and as_day and as_month and as_day != as_month and "." not in cell:
            unsure = unsure or cell
    if not day and not month:
        return Order("iso", iso)
    if day == month:
        return Order("day_first", iso + day, unsure)
    return Order("day_first", iso + day) if day > month else Order("month_first", iso + month)


def swapped(cells: Iterable[Cell], written: Written) -> tuple[str, str] | None:
    """Two dates of a column that is written in the other order; nothing where it is not.

    Args:
        cells: Of a column.
        written: As its dates are to be read.

    Returns:
        A date that can be read in the other order alone, and one that would be read wrongly.

    Example:
        >>> swapped(["12/31/2024", "03/02/2024"], "day_first")
        ('12/31/2024', '03/02/2024')
        >>> swapped(["31/12/2024", "03/02/2024"], "day_first")
    """
    if written == "iso":
        return None
    other: Written = "month_first" if written == "day_first" else "day_first"
    right, wrong = 0, []
    either = ""
    for cell in cells:
        as_written, as_other = read_date(cell, written), read_date(cell, other)
        if cell is None or as_written == as_other:
            continue
        if as_written is None:
            wrong.append(cell)
        elif as_other is None:
            right += 1
        else:
            either = either or cell
    return (wrong[0], either) if either and len(wrong) > right else None
