"""Numbers that are none: what stands for an unknown value, and the sums below a table."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from g2d.table.kinds.base import share
from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.source import Table

# A value that comes so often is no slip, and no rare truth.
_OFTEN = 3
# So many different numbers have a spread to compare with.
_SEVERAL = 10


def placeholders_in(table: Table, columns: Sequence[str]) -> list[str]:
    """Columns with one number, again and again, far from all others, in sentences.

    Args:
        table: Its numbers plain.
        columns: Those to look at.

    Example:
        >>> from pathlib import Path
        >>> cells = [*map(str, range(15, 30)), "-999", "-999", "-999"]
        >>> placeholders_in(Table({"warmth": cells}, Path(), "t"), ["warmth"])[0][:57]
        'warmth: -999 in 3 of 18 (17 %) rows lies far from all oth'
    """
    notes = []
    for name in columns:
        values = _numbers(table.columns[name])
        known, counts = np.unique(values[np.isfinite(values)], return_counts=True)
        for end, rest in ((0, known[1:]), (-1, known[:-1])):
            if len(rest) < _SEVERAL or counts[end] < _OFTEN:
                continue
            if min(abs(known[end] - rest[0]), abs(known[end] - rest[-1])) <= np.ptp(rest):
                continue
            notes.append(
                f"{name}: {known[end]:.15g} in {share(int(counts[end]), len(table))} rows lies far "
                f"from all other numbers ({rest[0]:g} to {rest[-1]:g}), and leaves them little "
                "room; if it says that there is none, empty these cells"
            )
    return notes


def total_row(table: Table, columns: Sequence[str]) -> list[str]:
    """Whether the last row holds the sums of the others, in a sentence.

    Args:
        table: Its numbers plain.
        columns: Those to look at.

    Example:
        >>> from pathlib import Path
        >>> table = Table({"sold": ["3", "4", "7"], "shop": ["a", "b", "Total"]}, Path(), "t")
        >>> total_row(table, ["sold", "shop"])
        ['the last row looks like a total (sold is 7, the sum of the others); take it out']
    """
    for name in columns:
        values = _numbers(table.columns[name])
        last, others = values[-1], values[:-1][np.isfinite(values[:-1])]
        if len(others) < 2 or not np.isfinite(last) or np.ptp(others) == 0:
            continue
        total = others.sum()
        # equal up to the digits that are written, and no value as large among the others
        if np.isclose(last, total, rtol=1e-6) and abs(last) > np.abs(others).max():
            return [
                f"the last row looks like a total ({name} is {last:.15g}, the sum of the others); "
                "take it out"
            ]
    return []


def _numbers(cells: Sequence[Cell]) -> NDArray[np.float64]:
    return np.array([number_of(cell) for cell in cells], np.float64)
