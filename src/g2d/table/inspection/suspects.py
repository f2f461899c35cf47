"""Columns and rows that make a result look better than it is: named, with what to write."""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from g2d.table.columns.targets import Target
from g2d.table.kinds import Kind
from g2d.table.kinds.base import share
from g2d.table.reading.cells import Cell, number_of, numbers_of
from g2d.table.reading.source import Table
from g2d.table.rows.options import copies

# Those whose rows belong together, by the column's name.
_GROUPS = re.compile(
    r"(.*[\W_])?(patient|subject|speaker|person|user|participant|customer|client|author|actor|"
    r"student|household|family|session|site|device|camera|plant|animal)s?([\W_]*(id|no|nr|name))?",
    re.IGNORECASE,
)
_CODE = re.compile(r"[A-Za-z]{1,4}[-_]?\d+")
# So few values are categories, and so few rows of each show nothing.
_FEW, _ROWS_EACH = 10, 2
_LIKE = 0.99999
# With fewer different values an order is shared by chance.
_RANKED = 20


def twins_of(table: Table, columns: Sequence[str], target: str, truth: Target) -> list[str]:
    """Columns that are the target under another name, in sentences."""
    notes = []
    usable = np.array([row not in truth.unusable for row in range(len(table))])
    for name in columns:
        cells = table.column(name)
        if truth.task == "regression":
            same = _same_numbers(cells, truth.values, usable)
        elif truth.task == "classification":
            same = _renamed(cells, truth.values, usable)
        else:
            same = False
        if same:
            notes.append(
                f"{name} is {target} under another name: it says the same of "
                f"every row; if it is not known before {target} is, take it out of modalities"
            )
    return notes


def _renamed(cells: Sequence[Cell], labels: NDArray[np.generic], usable: NDArray[np.bool_]) -> bool:
    """Whether values and labels are one to one, which two or three rows could be by chance."""
    forth: dict[str, int] = {}
    back: dict[int, str] = {}
    count = 0
    for cell, label, good in zip(cells, labels.tolist(), usable.tolist(), strict=True):
        if cell is None or not good:
            continue
        count += 1
        if forth.setdefault(cell, label) != label or back.setdefault(label, cell) != cell:
            return False
    return len(forth) > 1 and count >= 10 * len(forth) and count >= 0.5 * usable.sum()


def _same_numbers(
    cells: Sequence[Cell], values: NDArray[np.generic], usable: NDArray[np.bool_]
) -> bool:
    quick = numbers_of(cells)
    numbers = np.array([number_of(cell) for cell in cells] if quick is None else quick)
    known = np.isfinite(numbers) & usable
    if known.sum() < max(20, 0.5 * usable.sum()):
        return False
    pair = numbers[known], values[known].astype(np.float64)
    if min(part.std() for part in pair) == 0:
        return False
    if abs(np.corrcoef(*pair)[0, 1]) > _LIKE:
        return True
    return min(len(np.unique(part)) for part in pair) >= _RANKED and _same_order(*pair)


def _same_order(one: NDArray[np.float64], other: NDArray[np.float64]) -> bool:
    """Whether numbers rise, or fall, with the others without an exception, as their logarithm does.

    Where the one rises and the other does not, digits may have been cut off.
    """
    order = np.lexsort((other, one))
    falling = np.lexsort((-other, one))
    steps = np.diff(other[order]), np.diff(other[falling])
    return bool((steps[0] >= 0).all() or (steps[1] <= 0).all())


def groups_in(table: Table, target: str, split: str | None) -> list[str]:
    """Sentences on columns of ids of people or things that have several rows."""
    notes = []
    for name, cells in table.columns.items():
        if name in (target, split):
            continue
        counts = Counter(cell for cell in cells if cell is not None)
        total = counts.total()
        if len(counts) < _FEW or total < _ROWS_EACH * len(counts) or len(counts) > 0.5 * total:
            continue
        codes = sum(n for cell, n in counts.items() if _CODE.fullmatch(cell))
        if not _GROUPS.fullmatch(name) and codes < 0.9 * total:
            continue
        if split is not None and not (sides := _on_both_sides(cells, table.column(split))):
            continue
        how = "a random split" if split is None else f"{split} ({sides} of them)"
        notes.append(
            f"rows of one {name} ({len(counts)} in {total} rows) lie on both sides of {how}: if "
            f"new rows will be of others, write split: {{group: {name}}} and take it out of "
            "modalities"
        )
    return notes


def _on_both_sides(cells: Sequence[Cell], parts: Sequence[Cell]) -> int:
    seen: dict[str, set[Cell]] = defaultdict(set)
    for cell, part in zip(cells, parts, strict=True):
        if cell is not None:
            seen[cell].add(part)
    return sum(len(sides) > 1 for sides in seen.values())


def copies_in(table: Table, kinds: Mapping[str, Kind]) -> list[str]:
    """How many rows are copies of others in all that is read, in a sentence."""
    columns = list(dict.fromkeys(column for kind in kinds.values() for column in kind.columns))
    found = len(copies([table.columns[name] for name in columns]))
    # where a few categories are all that is read, equal rows are to be expected
    kinds_of_rows = math.prod(min(len(set(table.column(name))), 10**6) for name in columns)
    if not found or kinds_of_rows < 10 * len(table):
        return []
    return [
        f"{share(found, len(table))} rows are copies of others in all that is read, and may lie on "
        "both sides of the split: write duplicates: drop in data to keep one of each"
    ]
