"""Describes dates, times and durations that are not read."""

from __future__ import annotations

import re
from collections.abc import Sequence

from g2d.table.reading.cells import Cell
from g2d.table.reading.dates import read_date

_MONTH = (
    "(jan|feb|f[eé]v|m[aä]r|apr|avr|abr|ma[iy]|jun|jui|jul|aug|ao[uû]|ago|sep|o[ck]t|nov|d[eé][cz]|"
    "dic|ene)[a-zéû]*"
)
_DAY = "[0-3]?[0-9](st|nd|rd|th)?"
_PART = r"\d+([.,]\d+)? ?(d|days?|h|hrs?|hours?|m|mins?|minutes?|s|secs?|seconds?)"
_UNREAD = {
    what: re.compile(form, re.ASCII | re.IGNORECASE)
    for what, form in {
        "dates with two digits for the year; write four": r"\d{1,2}([./-])\d{1,2}\1\d{2}",
        "dates with the name of the month; write 2024-12-31": (
            rf"([a-z]{{2,9}}\.?,? )?({_DAY}[ .-]*)?{_MONTH}\.?([ -]{_DAY})?[ ,.-]+"
            r"(\d{2}|\d{4})([ T,]+\d{1,2}:\d{2}(:\d{2})?.*)?"
        ),
        "months without a day; write 2024-12-01": (
            r"((19|20)\d\d[-/.](0?[1-9]|1[0-2])|(0?[1-9]|1[0-2])[-/.](19|20)\d\d)"
        ),
        "times of day; write them as numbers of hours, or with their date": (
            r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?( ?[ap]\.?m\.?)?"
        ),
        "durations; write them as numbers, as of seconds": (
            rf"\d{{1,4}}:[0-5]\d(:[0-5]\d)?(\.\d+)?|{_PART}([ ,]*{_PART})*|"
            r"P(?=.)(\d+[YMWD])*(T(\d+(\.\d+)?[HMS])+)?"
        ),
    }.items()
}
_EITHER = (
    "dates of which some have the day first and some the month; write all of them as 2024-12-31"
)


_COMPACT = re.compile(r"(19|20)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])")


def compact_dates(cells: Sequence[Cell]) -> str:
    """A date that is written as one number, of a column of such; empty where it is none.

    Example:
        >>> compact_dates(["20240131", None, "20231201"]), compact_dates(["20240131", "99"])
        ('20240131', '')
    """
    there = (cell for cell in cells if cell is not None)
    first = next(there, "")
    return first if _COMPACT.fullmatch(first) and all(map(_COMPACT.fullmatch, there)) else ""


def unread_dates(cells: Sequence[str], enough: float) -> str:
    """Describes cells that look like dates or times and are not read; empty for others.

    Args:
        cells: Of a column, whose dates cannot all be read in one way.
        enough: How many of them have to look so.

    Example:
        >>> unread_dates(["31.12.24", "1.1.25"], 2), unread_dates(["red", "blue"], 2)
        ('dates with two digits for the year; write four', '')
        >>> unread_dates(["3 Jan 2024", "March 4, 2023", "05-Dec-24"], 3)
        'dates with the name of the month; write 2024-12-31'
        >>> unread_dates(["75:10", "2:05:33"], 2) == unread_dates(["2h 5m", "45 min"], 2)
        True
        >>> unread_dates(["12/31/2024", "31/12/2024"], 2)[:46]
        'dates of which some have the day first and som'
    """
    for what, form in _UNREAD.items():
        if sum(form.fullmatch(cell) is not None for cell in cells) >= enough:
            return what
    ways = [[read_date(cell, way) for cell in cells] for way in ("day_first", "month_first")]
    either = sum(one is not None or other is not None for one, other in zip(*ways, strict=True))
    return _EITHER if either >= enough else ""
