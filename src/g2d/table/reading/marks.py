"""Signs and words that people write where they have no number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.numerals import parts_of

_MARKS = frozenset(
    [
        *("-", "--", "---", "\u2013", "\u2014", "?", "??", ".", "*", "na", "n.a.", "n.a", "nil"),
        *("none", "missing", "unknown", "not available"),
    ]
)
# So much of a column has to be numbers.
_NUMBERS = 0.2


def without_marks(cells: Sequence[Cell]) -> tuple[Sequence[Cell], dict[str, int]]:
    """A column without the marks that stand where it has no number, and how often each comes.

    Only where all else is numbers: among names, `NA` may be a value.

    Example:
        >>> without_marks(["41", "NA", "7", "35", "?"])
        (['41', None, '7', '35', None], {'NA': 1, '?': 1})
        >>> without_marks(["DE", "NA", "FR"])[1], without_marks(["-", "NA", "-"])[1]
        ({}, {})
    """
    counts = Counter(cells)
    found = {cell: n for cell, n in counts.items() if cell and cell.casefold() in _MARKS}
    if not found:
        return cells, {}
    rest = [cell for cell in counts if cell is not None and cell not in found]
    if not all(_is_number(cell) for cell in rest):
        return cells, {}
    numbers = sum(counts[cell] for cell in rest)
    if not numbers or numbers < _NUMBERS * (numbers + sum(found.values())):
        return cells, {}
    return [None if cell in found else cell for cell in cells], found


def _is_number(cell: str) -> bool:
    return not math.isnan(number_of(cell)) or parts_of(cell) is not None
