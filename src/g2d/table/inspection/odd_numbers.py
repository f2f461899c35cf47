"""Odd numbers: codes for a missing value, and the sums below a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from g2d.table.kinds.base import share
from g2d.table.reading.cells import number_of, numbers_of
from g2d.table.reading.source import Table

Values = NDArray[np.float64]
# A value that comes so often is no slip, and no rare truth.
_OFTEN = 3
# So many different numbers have a spread to compare with.
_SEVERAL = 10


def values_of(table: Table, columns: Sequence[str]) -> dict[str, Values]:
    """The numbers of columns, float64 `(N,)` each; `nan` where a cell holds none.

    Example:
        >>> from pathlib import Path
        >>> values_of(Table({"age": ["3", None]}, Path(), "t"), ["age"])
        {'age': array([ 3., nan])}
    """
    found = {}
    for name in columns:
        cells = table.columns[name]
        quick = numbers_of(cells)
        found[name] = np.array([number_of(c) for c in cells] if quick is None else quick)
    return found


def placeholders_in(numbers: Mapping[str, Values]) -> list[str]:
    """Columns with one number, again and again, far from all others, in sentences.

    Args:
        numbers: Of each column, `(N,)`.

    Example:
        >>> placeholders_in({"warmth": np.array([*range(15, 30), -999, -999, -999])})[0][:57]
        'warmth: -999 in 3 of 18 (17 %) rows lies far from all oth'
    """
    notes = []
    for name, values in numbers.items():
        known, counts = np.unique(values[np.isfinite(values)], return_counts=True)
        for end, rest in ((0, known[1:]), (-1, known[:-1])):
            if len(rest) < _SEVERAL or counts[end] < _OFTEN:
                continue
            if min(abs(known[end] - rest[0]), abs(known[end] - rest[-1])) <= np.ptp(rest):
                continue
            notes.append(
                f"{name}: {known[end]:.15g} in {share(int(counts[end]), len(values))} rows lies "
                f"far from all other numbers ({rest[0]:g} to {rest[-1]:g}), and leaves them little "
                "room; if it stands for a missing value, empty these cells"
            )
    return notes


def total_row(numbers: Mapping[str, Values]) -> list[str]:
    """Whether the last row holds the sums of the others, in a sentence.

    Args:
        numbers: Of each column, `(N,)`.

    Example:
        >>> total_row({"sold": np.array([3.0, 4.0, 7.0])})
        ['the last row looks like a total (sold is 7, the sum of the others); take it out']
    """
    for name, values in numbers.items():
        last, others = values[-1], values[:-1][np.isfinite(values[:-1])]
        if len(others) < 2 or not np.isfinite(last) or np.ptp(others) == 0:
            continue
        # equal up to the digits that are written, and no value as large among the others
        if np.isclose(last, others.sum(), rtol=1e-6) and abs(last) > np.abs(others).max():
            return [
                f"the last row looks like a total ({name} is {last:.15g}, the sum of the others); "
                "take it out"
            ]
    return []
