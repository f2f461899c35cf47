"""Several labels in a cell: recognised by the whole column, never by one odd cell."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from g2d.table.reading.cells import Cell

# Between the labels of a cell, the likeliest first; predictions have the first.
SEPARATORS = "|;,"
# What `|` stands between is rarely one name; with the others, more cells have to agree.
_SHARE = {"|": 0.02, ";": 0.1, ",": 0.1}
# Of the labels in cells with several, so many come alone or at another place too.
_RECUR = 0.5
_LIST = "["
# Alone in a cell, in any capitals: the row has no label.
_NONE = "none"


def separator_of(cells: Sequence[str]) -> str:
    """The separator of the labels in a column's cells; empty where a cell is one label.

    Several cells hold it, and what it stands between comes again: alone, or at another place in
    the list. A city and its country do not, so `Lyon, France` is one label. `[` is a list.

    Example:
        >>> separator_of(["red, wet", "red", "wet, cold"])
        ','
        >>> separator_of(["Lyon, France", "Paris, France", "Rome, Italy"])
        ''
        >>> separator_of(["a", "b", "a|b"] + ["a", "b"] * 30)  # one odd cell
        ''
    """
    if not cells:
        return ""
    if sum(map(_is_list, cells)) >= 0.8 * len(cells):
        return _LIST
    for sign in SEPARATORS:
        split = [split_labels(cell, sign) for cell in cells if sign in cell]
        several = [parts for parts in split if len(parts) != 1]
        enough = max(_SHARE[sign] * len(cells), 1 if len(cells) <= 20 else 2)
        if len(several) >= enough and (sign == "|" or _recurs(cells, several, sign)):
            return sign
    return ""


def odd_cells(cells: Sequence[Cell]) -> list[int]:
    """Rows, from 0, whose cell would be several labels although the column's are one."""
    there = [cell for cell in cells if cell is not None]
    if separator_of(there):
        return []
    known = set(there)
    return [
        row
        for row, cell in enumerate(cells)
        if cell is not None
        and any(
            len(parts := split_labels(cell, sign)) > 1 and known.issuperset(parts)
            for sign in SEPARATORS
        )
    ]


def split_labels(cell: Cell, sign: str) -> list[str]:
    """The labels of a cell, in their order; none where it is the word `none`, or `[]`.

    An empty cell is another thing, a row whose labels are not known, which is for the caller. A
    label that is called none is written `["none"]`.

    Example:
        >>> split_labels("None", "|"), split_labels("[]", "|"), split_labels('["none"]', "|")
        ([], [], ['none'])
        >>> split_labels("wet | cold", "|"), split_labels('["wet", "cold"]', "[")
        (['wet', 'cold'], ['wet', 'cold'])
    """
    if cell is None or cell.casefold() == _NONE:
        return []
    if _is_list(cell):
        try:
            found = json.loads(cell)
            return [str(label).strip() for label in found if str(label).strip()]
        except (ValueError, RecursionError):
            pass
    return [part.strip() for part in cell.split(sign) if part.strip()]


def without_label(names: Iterable[str]) -> str:
    """The text of a cell whose row has none of these labels.

    Example:
        >>> without_label(["wet", "cold"]), without_label(["none", "cold"])
        ('none', '[]')
    """
    return "[]" if any(name.casefold() == _NONE for name in names) else _NONE


def _recurs(cells: Sequence[str], several: Sequence[Sequence[str]], sign: str) -> bool:
    """Whether the parts of the cells with several are names that come again as such."""
    places: dict[str, set[int]] = {}
    counts: Counter[str] = Counter()
    for parts in several:
        for place, part in enumerate(parts):
            places.setdefault(part, set()).add(place)
            counts[part] += 1
    alone = {cell for cell in cells if sign not in cell}
    again = sum(n for part, n in counts.items() if part in alone or len(places[part]) > 1)
    few = len(places) <= 0.5 * len(cells) or len(cells) <= 20
    return few and again >= _RECUR * counts.total()


def _is_list(cell: str) -> bool:
    return cell.startswith(_LIST) and cell.endswith("]")
