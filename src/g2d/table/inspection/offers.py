"""Other tasks and options for a target, named where they are likely to help."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from g2d.table.columns.targets import Target
from g2d.table.inspection.names import alike_names, too_many_classes
from g2d.table.inspection.scales import order_of
from g2d.table.kinds.base import share
from g2d.table.reading.cells import Cell
from g2d.table.reading.labels import odd_cells

# The commonest class has so many times the rows of the rarest.
_UNEVEN = 4
# A target whose logarithm is less skewed than itself by so much.
_SKEWED = 2.0


def offers_for(truth: Target, cells: Sequence[Cell], column: str) -> list[str]:
    """Options for a target, in sentences."""
    usable = np.array([row not in truth.unusable for row in range(len(truth.values))])
    if truth.task == "regression":
        return _of_numbers(truth.values[usable].astype(np.float64), column)
    if truth.task == "multilabel":
        return [
            f"{column}: several labels a row ({len(truth.names)} in all); if a cell is one label, "
            "write task: classification"
        ]
    return [
        *_uneven(truth, usable),
        *_ordered(truth, column),
        *alike_names(cells),
        *too_many_classes(truth, cells, column),
        *_odd(cells, column),
    ]


def _of_numbers(values: np.ndarray[tuple[int], np.dtype[np.float64]], column: str) -> list[str]:
    if len(values) < 20 or values.min() <= 0 or values.std() == 0:
        return []
    skews = _skew(values), _skew(np.log(values))
    if abs(skews[0]) < _SKEWED or abs(skews[1]) > abs(skews[0]) / 2:
        return []
    return [
        f"{column}: positive and skewed (median {np.median(values):.3g}, largest "
        f"{values.max():.3g}); task: {{name: regression, scale: log}} predicts it on a log scale, "
        "and loss: absolute keeps a few wrong values from leading"
    ]


def _skew(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
    standard = (values - values.mean()) / values.std()
    return float((standard**3).mean())


def _uneven(truth: Target, usable: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> list[str]:
    counts = np.bincount(truth.values[usable].astype(np.int64), minlength=len(truth.names))
    rarest, commonest = int(counts.argmin()), int(counts.argmax())
    if counts[commonest] < _UNEVEN * max(counts[rarest], 1):
        return []
    threshold = ", threshold: validation" if len(counts) == 2 else ""
    return [
        f"classes are uneven: {truth.names[rarest]!r} is {share(counts[rarest], counts.sum())} "
        f"rows, and always predicting {truth.names[commonest]!r} is right in "
        f"{100 * counts[commonest] / counts.sum():.1f} %; if the rare matter as much, write task: "
        f"{{name: classification, class_weight: balanced, selects: uar{threshold}}}"
    ]


def _ordered(truth: Target, column: str) -> list[str]:
    names = truth.names
    if len(names) >= 4 and all(name.lstrip("-").isdecimal() for name in names):
        numbers = [int(name) for name in names]
        if numbers != list(range(numbers[0], numbers[0] + len(numbers))):
            return []
        return [
            f"{column}: its {len(names)} classes are numbers in order ({names[0]} to {names[-1]}); "
            "where 4 for a 5 is less wrong than 1 for a 5, write task: {name: classification, "
            "selects: mae}, or task: regression for predictions between them"
        ]
    order = order_of(names)
    if not order:
        return []
    return [
        f"{column}: its classes look like steps of a scale; where the next step is less wrong than "
        f"one further off, write task: {{name: classification, selects: mae, order: "
        f"[{', '.join(order)}]}}"
    ]


def _odd(cells: Sequence[Cell], column: str) -> list[str]:
    rows = odd_cells(cells)
    if not rows:
        return []
    return [
        f"{column}, row {rows[0] + 1}: {cells[rows[0]]!r} looks like several labels, as in "
        f"{len(rows)} of {len(cells)} rows; it is a class of its own, as the column's cells are "
        "one label each; correct it, or write task: multilabel"
    ]
