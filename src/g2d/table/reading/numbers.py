"""Numbers as people write them: marks, currencies and units, from all values of a column."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from g2d.errors import UserError
from g2d.table.reading.cells import Cell, Exact, number_of, numbers_of
from g2d.table.reading.marks import without_marks
from g2d.table.reading.numerals import (
    CURRENCY,
    GROUPED,
    Written,
    decimal_mark,
    parts_of,
    plain,
    same_unit,
    singular,
)
from g2d.table.reading.source import Table
from g2d.wording import listed

Decimal = Literal["decimal_point", "decimal_comma"]
_MARKS: dict[str, str] = {"decimal_point": ".", "decimal_comma": ","}
_NAMES = {".": "point", ",": "comma"}

# Of how many cells a column's reading is found out.
_LOOKED_AT = 5000
_ENOUGH = 0.8
# With fewer different values, what ends in letters (`4WD`) is a name.
_FEW = 10
# Of money: what is always below so many units and always has three digits after the mark may be a
# price by the litre.
_PRICES = 10


@dataclass(frozen=True)
class Reading:
    """How the numbers of a column are written.

    Attributes:
        written: How its numbers are written.
        bare: How many of the cells that were read lack the unit.
        sizeless: How many of them lack a `%` or a size that the others have, and count as empty.
        unsure: A value that may be read in two ways, where nothing shows which is meant.
        marks: What stands where there is no number, and is taken as empty: how often each comes.
    """

    written: Written
    bare: int = 0
    sizeless: int = 0
    unsure: str = ""
    marks: Mapping[str, int] = field(default_factory=dict)


def reading_of(cells: Sequence[Cell], decimal: Decimal | None = None) -> Reading | None:
    """How the numbers of a column are written; `None` where it holds none.

    Args:
        cells: Of the column.
        decimal: Its decimal mark, where its owner has given it.

    Example:
        >>> reading_of(["1,688", "600", "2,004", "35", "7,100", "812"]).written.thousands
        ','
        >>> reading_of(["1.5", "2", "0.25"]) == Reading(Written()), reading_of(["red", "3", "blue"])
        (True, None)
        >>> reading_of(["1,500", "2,250"]).unsure
        '1,500'
    """
    there = [cell for cell in cells if cell is not None][:_LOOKED_AT]
    if not there:
        return None
    if decimal is None and _all_plain(there):
        return Reading(Written())
    found = [(cell, parts) for cell in there if (parts := parts_of(cell)) is not None]
    if len(found) < _ENOUGH * len(there):
        return None
    sizes = len({parts.size for _, parts in found}) > 1
    units = Counter(name for _, parts in found if (name := singular(parts.unit_in(sizes))))
    unit, bare, sizeless = "", 0, 0
    if units:
        unit = units.most_common(1)[0][0]
        alike = [pair for pair in found if same_unit(pair[1].unit_in(sizes), unit)]
        named = any(letter.isalpha() for letter in unit) and not re.fullmatch(CURRENCY, unit)
        if len(alike) < _ENOUGH * len(there) or (named and len(set(there)) <= _FEW):
            return None
        without = sum(not parts.unit_in(sizes) for _, parts in found)
        bare, sizeless = (without, 0) if same_unit("", unit) else (0, without)
        found = alike
    texts = [parts.digits for cell, parts in found if not isinstance(cell, Exact)]
    written, unsure = _marks(texts, decimal, money=re.fullmatch(CURRENCY, unit) is not None)
    written = replace(written, unit=unit, sizes=sizes)
    sample = next((cell for cell, parts in found if parts.digits == unsure), "") if unsure else ""
    return Reading(written, bare, sizeless, sample)


def with_plain_numbers(
    table: Table, given: Mapping[str, Decimal] | None = None, target: str = ""
) -> tuple[Table, dict[str, Reading]]:
    """A table with all its numbers plain, and how those columns were written that were not.

    Args:
        table: As it was read.
        given: The decimal mark of columns whose owner has given it.
        target: The column to predict, of which a mark such as `none` may be a class and is left.

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
    for name, column in table.columns.items():
        if name in table.categories:
            continue
        cells, marks = without_marks(column)
        reading = reading_of(cells, (given or {}).get(name))
        if reading is None:
            continue
        if name == target:
            cells, marks = column, {}
        reading = replace(reading, marks=marks)
        if reading == Reading(Written()) and numbers_of(cells) is not None:
            continue
        # beside text with a % a typed number is as uncertain as any other
        typed = reading.sizeless > 0
        plainly[name] = [plain(str(c) if typed and c else c, reading.written) for c in cells]
        if reading != Reading(Written()):
            readings[name] = reading
    return replace(table, columns=plainly), readings


def reading_note(column: str, reading: Reading) -> str:
    """How a column's numbers are read, and what to write where that is a guess."""
    how = reading.written
    away = [how.unit] if how.unit else []
    if how.thousands:
        away.append(f"the {_NAMES[how.thousands]}s between thousands")
    sentence = f"{column}: numbers"
    if how.decimal == ",":
        sentence += " with a decimal comma"
    if away:
        sentence += f", without {listed(away)}"
    if reading.marks:
        each = ", ".join(f"{mark!r} ({count} rows)" for mark, count in reading.marks.items())
        sentence += f"; {each} {'is' if len(reading.marks) == 1 else 'are'} taken as empty"
    if reading.bare:
        sentence += f" ({reading.bare} cells lack {how.unit} and are taken as the others)"
    if reading.sizeless:
        sentence += (
            f" ({reading.sizeless} cells lack the {how.unit}, so their size is not known, and are "
            f"taken as empty: write {how.unit} behind them)"
        )
    if how.sizes:
        sentence += "; k, M and the like are multiplied in (1.2k is 1200)"
    if reading.unsure:
        value = number_of(plain(reading.unsure, reading.written))
        sentence += (
            f"; {reading.unsure!r} is read as {value:g}, which is a guess: if that is wrong, add "
            f"numbers: {{{column}: decimal_comma}} to data"
        )
    return sentence


def several_units(cells: Sequence[str]) -> str:
    """The units of a column that holds numbers in several; nothing where it holds none.

    Example:
        >>> several_units(["170 cm", "1.8 m", "181 cm"]), several_units(["red", "blue"])
        ('cm, m', '')
        >>> several_units(["63%", "0.4", "0.2", "71%"])
        '%, none'
    """
    found = [parts for cell in cells if (parts := parts_of(cell)) is not None]
    units = Counter(parts.unit_in(sizes=False) for parts in found)
    lacking = bool(units[""]) and any(not same_unit("", unit) for unit in units)
    named = [unit or "none" for unit, _ in units.most_common() if unit or lacking]
    enough = sum(units.values()) >= _ENOUGH * len(cells) and 1 < len(named) <= _FEW
    return ", ".join(named) if enough else ""


def _marks(numbers: Sequence[str], decimal: Decimal | None, money: bool) -> tuple[Written, str]:
    """Decimal and thousands marks of a column, and a number that may be read either way."""
    certain: Counter[str] = Counter()
    open_: dict[str, list[str]] = {".": [], ",": []}
    bare = [0, 0, 0]  # whole numbers without a mark: below 100, to 999, from 1000
    for digits in numbers:
        mark, sure = decimal_mark(digits)
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
    if money and bool(open_["."]) != bool(open_[","]):  # few count thousandths of a dollar
        sample = (open_["."] or open_[","])[0]
        low = max(int(digits[:-4]) for digits in open_["."] or open_[","]) < _PRICES
        written = Written(",", ".") if open_["."] else Written(".", ",")
        return written, sample if low and not any(bare) else ""
    if open_["."] and not open_[","]:
        if parts_thousands and len(open_["."]) >= 3:
            return Written(",", "."), ""
        # with as many digits after each of many points, these may part thousands as well
        enough = sum(bare) or len(open_["."]) >= _FEW
        unsure = open_["."][0] if enough and not bare[1] and not bare[2] else ""
        return Written(), unsure
    if open_[","]:
        sure = parts_thousands and not open_["."]
        return Written(".", ","), "" if sure else open_[","][0]
    return Written(), ""


def _with_thousands(decimal: str, numbers: Sequence[str]) -> Written:
    other = "," if decimal == "." else "."
    return Written(decimal, other if any(other in digits for digits in numbers) else "")


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
            doubtful += GROUPED["."].fullmatch(cell) is not None
    return doubtful < dotted or not dotted
