"""A number as people write it, in one cell: its marks, its currency or unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from g2d.table.reading.cells import Cell, Exact, number_of

CURRENCY = (
    r"(?:[A-Z]{0,3}[$€£¥₹₽₩₺₪฿₫₴₦]|Rs\.?|kr\.?|zł|"
    "USD|EUR|GBP|JPY|CHF|CAD|AUD|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW|TRY|NZD|SGD|HKD)"
)
# Blanks and apostrophes only ever part thousands.
_GAPS = " \u00a0\u2009\u202f'\u2019"
_NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[+\-\u2212]?)\s*(?P<before>{CURRENCY})?\s*(?P<inner>[+\-\u2212]?)"
    rf"(?P<digits>(?:\d[\d.,{_GAPS}]*)?\d|[.,]\d+)"
    r"(?P<exponent>[eE][+-]?\d+)?\s*(?P<after>[^\d\s.,()'+\-][^\d()]{0,11})?(?P<close>\))?",
)
GROUPED = {
    # In India groups of two come before the last, with commas.
    mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}{group})*{re.escape(mark)}\d{{3}}")
    for mark, group in ((".", r"\d{3}"), (",", r"\d{2,3}"))
}
_SPACED = re.compile(rf"[1-9]\d{{0,2}}(?:[{_GAPS}]\d{{3}})+(?:[.,]\d*)?")
# Where one of these stands in some cells only, those without it are of another size.
_SIZES = frozenset(["%", "‰", "k", "K", "M", "B", "bn", "mn", "Mio", "Mrd", "Tsd"])


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written.

    Attributes:
        decimal: The decimal mark.
        thousands: The marks that part thousands, of `.` and `,`.
        unit: What stands before or after every number (`$`, `%`, `cm`).
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""

    def as_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class Parts:
    """The pieces of a number as it is written."""

    sign: str
    unit: str
    digits: str
    exponent: str


def plain(cell: Cell, written: Written) -> Cell:
    """The number of a cell as programs write it; the cell itself where it is none.

    A cell that can be read in one way only is read so; where a mark may part thousands or
    decimals, the column decides.

    Example:
        >>> dollars = Written(thousands=",", unit="$")
        >>> plain("$50,000", dollars), plain("($1,250.50)", dollars), plain("about 4", dollars)
        ('50000', '-1250.50', 'about 4')
        >>> plain("1.234", Written(",", ".")), plain("1.234", Written()), plain("3,5", Written())
        ('1234', '1.234', '3.5')
    """
    if cell is None or isinstance(cell, Exact):
        return cell
    if written.decimal == "." and not math.isnan(number_of(cell)):
        return cell
    parts = parts_of(cell)
    if parts is None or not same_unit(parts.unit, written.unit):
        return cell
    mark, certain = decimal_mark(parts.digits)
    digits = parts.digits
    if not certain:
        other = "," if mark == "." else "."
        if mark != written.decimal:
            if mark not in written.thousands:
                return cell
            mark = other
    for thousands in {*_GAPS, ".", ","} - {mark}:
        digits = digits.replace(thousands, "")
    return parts.sign + digits.replace(mark, ".") + parts.exponent


def doubted(cells: Iterable[Cell], written: Written) -> tuple[str, str] | None:
    """A number that would be read wrongly if it is written as another of these is; and that other.

    Example:
        >>> doubted(["238.996", "0.984"], Written(",", "."))
        ('238.996', '0.984')
        >>> doubted(["238.996", "3,5"], Written(",", ".")), doubted(["238.996"], Written(",", "."))
        (None, None)
    """
    certain: dict[str, str] = {}
    open_: dict[str, str] = {}
    for cell in cells:
        if cell is None or isinstance(cell, Exact) or (parts := parts_of(cell)) is None:
            continue
        mark, sure = decimal_mark(parts.digits)
        if mark != written.decimal and mark in parts.digits:
            (certain if sure else open_).setdefault(mark, cell)
    return next(((open_[mark], certain[mark]) for mark in open_ if mark in certain), None)


def parts_of(cell: str) -> Parts | None:
    """The pieces of a cell that may be a number; `None` where it is none."""
    seen = _NUMBER.fullmatch(cell)
    if seen is None or bool(seen["open"]) != bool(seen["close"]):
        return None
    if seen["sign"] and seen["inner"]:
        return None
    digits = seen["digits"]
    if any(gap in digits for gap in _GAPS) and not _SPACED.fullmatch(digits):
        return None
    if not decimal_mark(digits)[0]:
        return None
    minus = seen["open"] or (seen["sign"] or seen["inner"]) in {"-", "\u2212"}
    units = [unit.strip() for unit in (seen["before"], seen["after"]) if unit]
    return Parts("-" if minus else "", " ".join(units), digits, seen["exponent"] or "")


def decimal_mark(digits: str) -> tuple[str, bool]:
    """The decimal mark of a number, and whether it is certain; empty where this is no number."""
    dots, commas = digits.count("."), digits.count(",")
    if not dots and not commas:
        return ".", True
    if dots and commas:
        mark = "." if digits.rindex(".") > digits.rindex(",") else ","
        other = "," if mark == "." else "."
        whole = digits[: digits.index(mark)]
        good = digits.count(mark) == 1 and GROUPED[other].fullmatch(whole)
        return (mark, True) if good else ("", True)
    mark = "." if dots else ","
    if dots + commas > 1:
        other = "," if mark == "." else "."
        return (other, True) if GROUPED[mark].fullmatch(digits) else ("", True)
    return mark, not GROUPED[mark].fullmatch(digits)


def same_unit(unit: str, wanted: str) -> bool:
    """Whether a number is in the column's unit; one without any is, unless the unit is a size."""
    if not unit:
        return wanted not in _SIZES
    return singular(unit) == wanted


def singular(unit: str) -> str:
    """`day` of `days`: what numbers above one have."""
    return unit[:-1] if len(unit) > 3 and unit.endswith("s") else unit
