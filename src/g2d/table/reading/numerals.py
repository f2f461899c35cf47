"""A number as people write it, in one cell: its marks, its currency or unit."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

from g2d.table.reading.cells import Cell, Exact, as_cell, number_of

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
# Where one of these stands in some cells only, the others may be shares or their hundredfold.
_SHARES = frozenset(["%", "‰"])
_SIZES = {"k": 1e3, "K": 1e3, "Tsd": 1e3, "M": 1e6, "mn": 1e6, "Mio": 1e6, "B": 1e9, "bn": 1e9}
_SIZES["Mrd"] = 1e9
_SIZED = re.compile(rf"(?P<size>{'|'.join(_SIZES)})\.?\s*(?P<unit>{CURRENCY})?")


@dataclass(frozen=True)
class Written:
    """How the numbers of a column are written.

    Attributes:
        decimal: The decimal mark.
        thousands: The marks that part thousands, of `.` and `,`.
        unit: What stands before or after every number (`$`, `%`, `cm`).
        sizes: Whether some numbers are in thousands, millions or more (`800`, `1.2k`, `3M`).
    """

    decimal: str = "."
    thousands: str = ""
    unit: str = ""
    sizes: bool = False

    def as_dict(self) -> dict[str, Any]:
        """The notation as plain values, for JSON."""
        return {name: value for name, value in asdict(self).items() if name != "sizes" or value}


@dataclass(frozen=True)
class Parts:
    """The pieces of a number as it is written."""

    sign: str
    unit: str
    size: str
    digits: str
    exponent: str

    def unit_in(self, sizes: bool) -> str:
        """The unit; with the size, unless sizes are multiplied in."""
        return self.unit if sizes else " ".join(filter(None, [self.unit, self.size]))


def plain(cell: Cell, written: Written) -> Cell:
    """The number of a cell as programs write it; the cell itself where it is none.

    A cell that can be read in one way only is read so; where a mark may part thousands or
    decimals, the column decides. Text that lacks the column's `%` is no number: it may be a share
    or its hundredfold.

    Example:
        >>> dollars = Written(thousands=",", unit="$")
        >>> plain("$50,000", dollars), plain("($1,250.50)", dollars), plain("about 4", dollars)
        ('50000', '-1250.50', 'about 4')
        >>> plain("1.234", Written(",", ".")), plain("1.234", Written()), plain("3,5", Written())
        ('1234', '1.234', '3.5')
        >>> plain("63%", Written(unit="%")), plain("0.63", Written(unit="%"))
        ('63', '0.63 without %')
        >>> plain("$1.2M", Written(unit="$", sizes=True))
        '1200000'
    """
    if cell is None or isinstance(cell, Exact):
        return cell
    if written.decimal == "." and not math.isnan(number_of(cell)):
        return cell if same_unit("", written.unit) else f"{cell} without {written.unit}"
    parts = parts_of(cell)
    if parts is None or not same_unit(parts.unit_in(written.sizes), written.unit):
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
    number = parts.sign + digits.replace(mark, ".") + parts.exponent
    if not written.sizes or not parts.size:
        return number
    return as_cell(float(f"{float(number) * _SIZES[parts.size]:.15g}"))


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
    after, size = (seen["after"] or "").strip(), ""
    if sized := _SIZED.fullmatch(after):
        after, size = sized["unit"] or "", sized["size"]
    unit = " ".join(filter(None, [(seen["before"] or "").strip(), after]))
    return Parts("-" if minus else "", unit, size, digits, seen["exponent"] or "")


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
    """Whether a number is in the column's unit, as one without any is where that cannot mislead."""
    if not unit:
        return wanted not in _SHARES and wanted.split(" ")[-1] not in _SIZES
    return singular(unit) == wanted


def singular(unit: str) -> str:
    """`day` of `days`: what numbers above one have."""
    return unit[:-1] if len(unit) > 3 and unit.endswith("s") else unit
