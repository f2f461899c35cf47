"""Classes and categories that are one and look like several, or are none at all."""

from __future__ import annotations

import math
import unicodedata
from collections import Counter
from collections.abc import Sequence

from g2d.table.columns.targets import Target, rare
from g2d.table.kinds.tabular import MOST
from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.dates import order_of
from g2d.table.reading.unread_dates import unread_dates
from g2d.wording import listed

# From so many classes on, and with fewer rows each, a target may be none of classes.
_MANY, _ROWS = 20, 5
# So many rare classes are named one by one.
_NAMED = 3


def alike_names(cells: Sequence[Cell], column: str = "") -> list[str]:
    """Names that differ in capitals, blanks or the coding of letters only, in sentences.

    Args:
        cells: Of a column of names.
        column: The name of an input; of the target where not given.

    Example:
        >>> alike_names(["Red", "red", "blue"], "color")[0][:60]
        "color: values that differ in capitals only: 'Red' (1 rows), "
        >>> alike_names(["hot dog", "hot  dog", "cat"])[0][:51]
        'classes that differ in blanks or signs that look al'
    """
    counts = Counter(cell for cell in cells if cell is not None)
    for key, what in ((str.casefold, "capitals"), (_seen, "blanks or signs that look alike")):
        alike: dict[str, list[str]] = {}
        for name in counts:
            alike.setdefault(key(name), []).append(name)
        pair = next((names for names in alike.values() if len(names) > 1), None)
        if pair is None:
            continue
        shown = ", ".join(f"{name!a} ({counts[name]} rows)" for name in pair)
        if column:
            return [
                f"{column}: values that differ in {what} only: {shown}; they count as different "
                "values: write them in one way"
            ]
        advice = "write them in one way"
        if what == "capitals":
            advice = (
                "add ignore_case: true to task, as task: {name: classification, ignore_case: true}"
            )
        return [f"classes that differ in {what} only: {shown}; if they are one, {advice}"]
    return []


def _seen(name: str) -> str:
    """A name as it is seen: letters of one coding, single blanks, no point at the end."""
    return " ".join(unicodedata.normalize("NFKC", name).casefold().split()).rstrip(".")


def too_many_classes(truth: Target, cells: Sequence[Cell], column: str) -> list[str]:
    """That a target of very many classes may be another thing, in sentences."""
    there = [
        cell for row, cell in enumerate(cells) if cell is not None and row not in truth.unusable
    ]
    if len(truth.names) <= _MANY or len(there) >= _ROWS * len(truth.names):
        return []
    found = f"{column}: {len(truth.names)} classes in {len(there)} rows, which is few rows of each"
    odd = [cell for cell in there if math.isnan(number_of(cell))]
    if order_of(there).count >= MOST * len(there):
        return [
            f"{found}; its cells are dates, which are not predicted: write numbers, as of days "
            "since the first"
        ]
    if what := unread_dates(there, MOST * len(there)):
        return [f"{found}; its cells are {what}"]
    if len(odd) < 0.5 * len(there):
        others = listed(map(repr, dict.fromkeys(odd)), 3)
        return [
            f"{found}; most of its cells are numbers, and {others} are none: write "
            "numbers, or leave these cells empty, and a number is predicted"
        ]
    return [found]


def rare_classes(truth: Target) -> list[str]:
    """Classes that come once, in sentences."""
    found = rare(truth)
    if len(found) <= _NAMED:
        return [f"class {name!r} comes {n} time{'s' * (n > 1)} only" for name, n in found.items()]
    return [f"{len(found)} classes come once or never ({listed(map(repr, found), _NAMED)})"]
