"""Numbers as people write them: what a column's values say of marks, currencies and units."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from g2d.errors import UserError
from g2d.table.cells import Cell, Exact, number_of
from g2d.table.source import Table

Decimal = Literal["decimal_point", "decimal_comma"]
_MARKS: dict[str, str] = {"decimal_point": ".", "decimal_comma": ","}
_NAMES = {".": "point", ",": "comma"}

_CURRENCY = (
    r"(?:[A-Z]{0,3}[$€£¥₹₽₩₺₪฿₫₴₦]|Rs\.?|kr\.?|zł|"
    "USD|EUR|GBP|JPY|CHF|CAD|AUD|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|BRL|MXN|ZAR|KRW|TRY|NZD|SGD|HKD)"
)
# Blanks and apostrophes only ever part thousands.
_GAPS = " \u00a0\u2009\u202f'\u2019"
_NUMBER = re.compile(
    rf"(?P<open>\()?(?P<sign>[+\-\u2212]?)\s*(?P<before>{_CURRENCY})?\s*(?P<inner>[+\-\u2212]?)"
    rf"(?P<digits>(?:\d[\d.,{_GAPS}]*)?\d|[.,]\d+)"
    r"(?P<exponent>[eE][+-]?\d+)?\s*(?P<after>[^\d\s.,()'+\-][^\d()]{0,11})?(?P<close>\))?",
)
_GROUPED = {
    mark: re.compile(rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{2,3}})*{re.escape(mark)}\d{{3}}")
    for mark in ".,"
}
_SPACED = re.compile(rf"[1-9]\d{{0,2}}(?:[{_GAPS}]\d{{3}})+(?:[.,]\d*)?")
# Where one of these stands in some cells only, those without it are of another size.
_SIZES = frozenset(["%", "‰", "k", "K", "M", "B", "bn", "mn", "Mio", "Mrd", "Tsd"])
# Of how many cells a column's reading is found out.
_LOOKED_AT = 5000
_ENOUGH = 0.8
# With fewer different values, what ends in letters (`4WD`) is a name.
_FEW = 10


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
class Reading:
    """What a column's values say.

    Attributes:
        written: How its numbers are written.
        bare: How many of the cells looked at lack the unit.
        unsure: A value that may be read in two ways, where nothing tells which is meant.
    """

    written: Written
    bare: int = 0
    unsure: str = ""


@dataclass(frozen=True)
class _Parts:
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
    parts = _parts(cell)
    if parts is None or not _same_unit(parts.unit, written.unit):
        return cell
    mark, certain = _decimal(parts.digits)
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


def reading_of(cells: Sequence[Cell], decimal: Decimal | None = None) -> Reading | None:
    """How the numbers of a column are written; `None` where it holds none.

    Args:
        cells: Of the column.
        decimal: Its decimal mark, where its owner has said so.

    Example:
        >>> reading_of(["1,688", "600", "2,004", "35", "7,100", "812"]).written
        Written(decimal='.', thousands=',', unit='')
        >>> reading_of(["1.5", "2", "0.25"]), reading_of(["red", "3", "blue"])
        (Reading(written=Written(decimal='.', thousands='', unit=''), bare=0, unsure=''), None)
        >>> reading_of(["1,500", "2,250"]).unsure
        '1,500'
    """
    there = [cell for cell in cells if cell is not None][:_LOOKED_AT]
    if not there:
        return None
    if decimal is None and _all_plain(there):
        return Reading(Written())
    found = [(cell, parts) for cell in there if (parts := _parts(cell)) is not None]
    if len(found) < _ENOUGH * len(there):
        return None
    units = Counter(_singular(parts.unit) for _, parts in found if parts.unit)
    unit, bare = "", 0
    if units:
        unit = units.most_common(1)[0][0]
        alike = [pair for pair in found if _same_unit(pair[1].unit, unit)]
        named = any(letter.isalpha() for letter in unit) and not re.fullmatch(_CURRENCY, unit)
        if len(alike) < _ENOUGH * len(there) or (named and len(set(there)) <= _FEW):
            return None
        found, bare = alike, sum(not parts.unit for _, parts in alike)
    texts = [parts.digits for cell, parts in found if not isinstance(cell, Exact)]
    written, unsure = _marks(texts, decimal, money=re.fullmatch(_CURRENCY, unit) is not None)
    written = replace(written, unit=unit)
    sample = next((cell for cell, parts in found if parts.digits == unsure), "") if unsure else ""
    return Reading(written, bare, sample)


def with_plain_numbers(
    table: Table, given: Mapping[str, Decimal] | None = None
) -> tuple[Table, dict[str, Reading]]:
    """A table with all its numbers plain, and how those columns were written that were not.

    Args:
        table: As it was read.
        given: The decimal mark of columns whose owner has said so.

    Raises:
        UserError: A mark is given of a column that is not there, or by an unknown word.
    """
    for name, word in (given or {}).items():
        if name not in table.columns or word not in _MARKS:
            raise UserError(
                f"numbers: got {word!r} for {name!r}, expected decimal_point or decimal_comma for "
                "a column of the table"
            )
    plainly, readings = dict(table.columns), {}
    for name, cells in table.columns.items():
        reading = reading_of(cells, (given or {}).get(name))
        if reading is None:
            continue
        plainly[name] = [plain(cell, reading.written) for cell in cells]
        if reading != Reading(Written()):
            readings[name] = reading
    return replace(table, columns=plainly), readings


def reading_note(column: str, reading: Reading) -> str:
    """How a column's numbers are read, and what to write where that is a guess."""
    how = reading.written
    away = [how.unit] if how.unit else []
    if how.thousands:
        away.append(f"the {_NAMES[how.thousands]}s between thousands")
    said = f"{column}: numbers"
    if how.decimal == ",":
        said += " with a decimal comma"
    if away:
        said += f", without {' and '.join(away)}"
    if reading.bare:
        said += f" ({reading.bare} cells lack {how.unit} and are taken as the others)"
    if reading.unsure:
        value = number_of(plain(reading.unsure, reading.written))
        said += (
            f"; {reading.unsure!r} is read as {value:g}, which is a guess: if that is wrong, add "
            f"numbers: {{{column}: decimal_comma}} to data"
        )
    return said


def several_units(cells: Sequence[str]) -> str:
    """The units of a column that holds numbers in several; nothing where it holds none.

    Example:
        >>> several_units(["170 cm", "1.8 m", "181 cm"]), several_units(["red", "blue"])
        ('cm, m', '')
    """
    units = Counter(parts.unit for cell in cells if (parts := _parts(cell)) is not None)
    named = [unit for unit, _ in units.most_common() if unit]
    enough = sum(units.values()) >= _ENOUGH * len(cells) and 1 < len(named) <= _FEW
    return ", ".join(named) if enough else ""


def _parts(cell: str) -> _Parts | None:
    """The pieces of a cell that may be a number; `None` where it is none."""
    seen = _NUMBER.fullmatch(cell)
    if seen is None or bool(seen["open"]) != bool(seen["close"]):
        return None
    if seen["sign"] and seen["inner"]:
        return None
    digits = seen["digits"]
    if any(gap in digits for gap in _GAPS) and not _SPACED.fullmatch(digits):
        return None
    if not _decimal(digits)[0]:
        return None
    minus = seen["open"] or (seen["sign"] or seen["inner"]) in {"-", "\u2212"}
    units = [unit.strip() for unit in (seen["before"], seen["after"]) if unit]
    return _Parts("-" if minus else "", " ".join(units), digits, seen["exponent"] or "")


def _decimal(digits: str) -> tuple[str, bool]:
    """The decimal mark of a number, and whether it is certain; empty where this is no number."""
    dots, commas = digits.count("."), digits.count(",")
    if not dots and not commas:
        return ".", True
    if dots and commas:
        mark = "." if digits.rindex(".") > digits.rindex(",") else ","
        other = "," if mark == "." else "."
        whole = digits[: digits.index(mark)]
        good = digits.count(mark) == 1 and _GROUPED[other].fullmatch(whole)
        return (mark, True) if good else ("", True)
    mark = "." if dots else ","
    if dots + commas > 1:
        other = "," if mark == "." else "."
        return (other, True) if _GROUPED[mark].fullmatch(digits) else ("", True)
    return mark, not _GROUPED[mark].fullmatch(digits)


def _marks(numbers: Sequence[str], decimal: Decimal | None, money: bool) -> tuple[Written, str]:
    """Decimal and thousands marks of a column, and a number that may be read either way."""
    certain: Counter[str] = Counter()
    open_: dict[str, list[str]] = {".": [], ",": []}
    bare = [0, 0, 0]  # whole numbers without a mark: below 100, to 999, from 1000
    for digits in numbers:
        mark, sure = _decimal(digits)
        if digits.isdecimal():
            bare[0 if len(digits) < 3 else 1 if len(digits) == 3 else 2] += 1
        elif sure:
            certain[mark] += "." in digits or "," in digits
        else:
            open_[mark].append(digits)
    if decimal is not None:
        return _with_thousands(_MARKS[decimal], numbers), ""
    if certain["."] or certain[","]:
        return _with_thousands("." if certain["."] >= certain[","] else ",", numbers), ""
    # Numbers below 1000 without a mark, and none above: the mark parts thousands.
    parts_thousands = sum(bare) >= 3 and bare[1] > 0 and not bare[2]
    if money and bool(open_["."]) != bool(open_[","]):  # nobody counts thousandths of a dollar
        return (Written(",", ".") if open_["."] else Written(".", ",")), ""
    if open_["."] and not open_[","]:
        if parts_thousands and len(open_["."]) >= 3:
            return Written(",", "."), ""
        unsure = open_["."][0] if sum(bare) and not bare[1] and not bare[2] else ""
        return Written(), unsure
    if open_[","]:
        sure = parts_thousands and not open_["."]
        return Written(".", ","), "" if sure else open_[","][0]
    return Written(), ""


def _with_thousands(decimal: str, numbers: Sequence[str]) -> Written:
    other = "," if decimal == "." else "."
    return Written(decimal, other if any(other in digits for digits in numbers) else "")


def _same_unit(unit: str, wanted: str) -> bool:
    if not unit:
        return wanted not in _SIZES
    return _singular(unit) == wanted


def _singular(unit: str) -> str:
    return unit[:-1] if len(unit) > 3 and unit.endswith("s") else unit


def _all_plain(cells: Sequence[str]) -> bool:
    """Whether all numbers are written as programs do, and none may be meant otherwise."""
    if all(isinstance(cell, Exact) for cell in cells):
        return True
    doubtful = dotted = 0
    for cell in cells:
        if math.isnan(number_of(cell)):
            return False
        if "." in cell and not isinstance(cell, Exact):
            dotted += 1
            doubtful += _GROUPED["."].fullmatch(cell) is not None
    return doubtful < dotted or not dotted
