"""The column to predict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError
from g2d.table.kinds.tabular import MOST
from g2d.table.reading.cells import Cell, number_of, without_points
from g2d.table.reading.labels import SEPARATORS, separator_of, split_labels
from g2d.table.reading.marks import without_marks

TaskName = Literal["auto", "classification", "multilabel", "regression"]
# Whole numbers with at most so many values are classes, not quantities.
_FEW = 20
# With more rows than this, a class for each row is a mistake.
_TINY = 20
# Of the standard deviation of a target: a larger error of rounding is none to bear.
_ROUNDED = 1e-4
_BROKEN = "\ufffd"  # what stands where bytes were no text


@dataclass(frozen=True)
class Target:
    """The target of every row.

    Attributes:
        task: What kind of task it is.
        names: Classes or labels, in the order of their numbers; none for regression.
        values: Class numbers `(N,)`, label bits `(N, L)` or numbers `(N,)`; 0 where unusable.
        unusable: Rows without a usable target, and why.
    """

    task: Literal["classification", "multilabel", "regression"]
    names: tuple[str, ...]
    values: NDArray[np.generic]
    unusable: dict[int, str]


def read_target(cells: Sequence[Cell], column: str, task: TaskName = "auto") -> Target:
    """Makes numbers of the target's cells.

    Several labels in one cell are separated by `|`, `;` or commas, or are a list, which the whole
    column decides (`separator_of`). Whole numbers with at most 20 different values are classes
    unless the task is given as regression.

    Raises:
        UserError: There are no targets, they do not fit the task, or there is one class only.

    Example:
        >>> read_target(["cat", "dog", None, "cat"], "animal").values
        array([0, 1, 0, 0])
    """
    if task not in ("auto", "classification", "multilabel", "regression"):
        raise UserError(
            f"got task={task!r}, expected auto, classification, multilabel or regression"
        )
    unusable = {row: "no target" for row, cell in enumerate(cells) if cell is None}
    for row, cell in enumerate(cells):
        if cell is not None and _BROKEN in cell:
            unusable[row] = f"the target {cell[:40]!r} holds bytes that are no text"
    cells = without_points([None if row in unusable else cell for row, cell in enumerate(cells)])
    if task in ("auto", "regression"):
        numbers, _ = without_marks(cells)
        known = [cell for cell in numbers if cell is not None]
        if task == "regression" or (known and _task(known) == "regression"):
            unusable |= {row: "no target" for row, cell in enumerate(numbers) if cell is None}
            cells = numbers
    there = [cell for cell in cells if cell is not None]
    if not there:
        raise UserError(f"the target {column!r} is empty in every row; choose another column")
    chosen = _task(there) if task == "auto" else task
    if chosen == "regression":
        return _numbers(cells, column, unusable)
    if chosen == "multilabel":
        return _label_bits(cells, column, unusable)
    counts = Counter(there)
    names = tuple(sorted(counts, key=_as_people_sort))
    if len(names) < 2:
        raise UserError(
            f"the target {column!r} is {names[0]!r} in every row; expected 2 classes or more"
        )
    if len(there) > _TINY and len(names) == len(there):
        raise UserError(
            f"the target {column!r} is different in each of {len(there)} rows, as a name is; "
            "choose another column"
        )
    numbers_of = {name: number for number, name in enumerate(names)}
    values = np.array([numbers_of.get(str(cell), 0) for cell in cells], np.int64)
    return Target("classification", names, values, unusable)


def _numbers(cells: Sequence[Cell], column: str, unusable: dict[int, str]) -> Target:
    numbers = np.array([number_of(cell) for cell in cells], np.float64)
    for row, cell in enumerate(cells):
        if cell is not None and math.isnan(numbers[row]):
            unusable[row] = f"the target {cell[:40]!r} is no number"
        elif abs(numbers[row]) > np.finfo(np.float32).max:
            unusable[row] = f"the target {cell} is too large"
            numbers[row] = 0.0
    if len(unusable) == len(cells):
        raise UserError(f"the target {column!r} holds no number; use task: classification")
    values: NDArray[np.generic] = np.nan_to_num(numbers)
    usable = [row not in unusable for row in range(len(cells))]
    return Target("regression", (), _narrow(values, values[usable].std()), unusable)


def _narrow(values: NDArray[Any], spread: float) -> NDArray[np.generic]:
    """As float32, unless rounding makes different numbers equal (`1700000000` + x does)."""
    narrow = values.astype(np.float32)
    return values if np.abs(narrow - values).max() > _ROUNDED * spread else narrow


def _label_bits(cells: Sequence[Cell], column: str, unusable: dict[int, str]) -> Target:
    there = [cell for cell in cells if cell is not None]
    # where the task is given as this, a sign that comes at all is enough
    sign = separator_of(there) or next((s for s in SEPARATORS if any(s in c for c in there)), "|")
    sets = [frozenset(split_labels(cell, sign)) for cell in cells]
    names = tuple(sorted(frozenset().union(*sets), key=_as_people_sort))
    if not names:
        raise UserError(f"the target {column!r} holds no label in any row; choose another column")
    place = {name: number for number, name in enumerate(names)}
    bits = np.zeros((len(sets), len(names)), np.int64)
    for row, labels in enumerate(sets):
        bits[row, [place[label] for label in labels]] = 1
    return Target("multilabel", names, bits, unusable)


def _task(cells: Sequence[str]) -> Literal["classification", "multilabel", "regression"]:
    if separator_of(cells):
        return "multilabel"
    numbers = [number_of(cell) for cell in cells]
    known = [number for number in numbers if not math.isnan(number)]
    if len(known) < MOST * len(cells):
        return "classification"
    distinct = len(set(known))
    few = distinct <= _FEW and distinct <= max(2, len(known) // 5)
    whole = all(number.is_integer() for number in known)
    return "classification" if (whole and few) or distinct <= 2 else "regression"


def _as_people_sort(name: str) -> tuple[float, str]:
    number = number_of(name)
    return (math.inf if math.isnan(number) else number, name)


def rare(target: Target, least: int = 2) -> dict[str, int]:
    """Classes that come less often than that, and how often they come."""
    if target.task != "classification":
        return {}
    usable = [v for row, v in enumerate(target.values.tolist()) if row not in target.unusable]
    counts = Counter(usable)
    return {
        name: counts[number] for number, name in enumerate(target.names) if counts[number] < least
    }


def in_order(target: Target, order: Sequence[str]) -> Target:
    """The target with its classes numbered in this order; names that no row has are left out.

    Raises:
        UserError: A class has no place in it.

    Example:
        >>> in_order(read_target(["low", "high", "low"], "y"), ["low", "high"]).values
        array([0, 1, 0])
    """
    lacking = [name for name in target.names if name not in order]
    if lacking:
        raise UserError(
            f"task.order: the class {lacking[0]!r} of the target is not in it; name all "
            f"{len(target.names)}: {', '.join(target.names)}"
        )
    names = tuple(name for name in order if name in target.names)
    place = np.array([names.index(name) for name in target.names], np.int64)
    return replace(target, names=names, values=place[target.values.astype(np.int64)])


def numbered_by_name(target: Target) -> NDArray[np.int64]:
    """Class numbers `(N,)` as they are without a given order, whatever the order.

    Example:
        >>> numbered_by_name(in_order(read_target(["b", "a", "b"], "y"), ["b", "a"]))
        array([1, 0, 1])
    """
    number = {name: n for n, name in enumerate(sorted(target.names, key=_as_people_sort))}
    place = np.array([number[name] for name in target.names], np.int64)
    return place[target.values.astype(np.int64)]


def without_classes(target: Target, gone: Collection[int]) -> Target:
    """The target with fewer classes, the others numbered anew; rows of those gone become 0.

    Raises:
        UserError: Fewer than two classes are left.

    Example:
        >>> without_classes(read_target(["a", "b", "c"], "y"), [1]).values
        array([0, 0, 1])
    """
    if not gone:
        return target
    kept = [number for number in range(len(target.names)) if number not in set(gone)]
    if len(kept) < 2:
        left = ", ".join(repr(target.names[number]) for number in kept) or "none"
        raise UserError(f"classes with usable training rows: {left}; expected 2 or more")
    anew = np.zeros(len(target.names), np.int64)
    anew[kept] = np.arange(len(kept))
    names = tuple(target.names[number] for number in kept)
    return replace(target, names=names, values=anew[target.values.astype(np.int64)])
