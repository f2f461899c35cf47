"""The column to predict."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from g2d.data.manifest.kinds.tabular import number_of
from g2d.data.manifest.source import Cell
from g2d.errors import UserError

TaskName = Literal["auto", "classification", "multilabel", "regression"]
# Between the labels of a row with several.
SEPARATOR = "|"
# Whole numbers with at most so many values are classes, not quantities.
_FEW = 20


@dataclass(frozen=True)
class Target:
    """What is to be predicted, row by row.

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

    Several labels in one cell are separated by `|`. Whole numbers with at most 20 different
    values are classes unless the task is said to be regression.

    Raises:
        UserError: There are no targets, they do not fit the task, or there is one class only.

    Example:
        >>> read_target(["cat", "dog", None, "cat"], "animal").values
        array([0, 1, 0, 0])
    """
    cells = _whole(cells)
    there = [cell for cell in cells if cell is not None]
    if not there:
        raise UserError(f"the target {column!r} is empty in every row; choose another column")
    chosen = _task(there) if task == "auto" else task
    unusable = {row: "no target" for row, cell in enumerate(cells) if cell is None}
    if chosen == "regression":
        numbers = np.array([number_of(cell) for cell in cells])
        for row, cell in enumerate(cells):
            if cell is not None and math.isnan(numbers[row]):
                unusable[row] = f"the target {cell!r} is no number"
        if len(unusable) == len(cells):
            raise UserError(f"the target {column!r} holds no number; use task: classification")
        return Target(chosen, (), np.nan_to_num(numbers).astype(np.float32), unusable)
    if chosen == "multilabel":
        sets = [set(_labels(cell)) for cell in cells]
        names = tuple(sorted(set().union(*sets)))
        bits = np.array([[name in labels for name in names] for labels in sets], np.int64)
        return Target(chosen, names, bits, unusable)
    names = tuple(sorted(set(there), key=_as_people_sort))
    if len(names) < 2:
        raise UserError(
            f"the target {column!r} is {names[0]!r} in every row; expected 2 classes or more"
        )
    numbers_of = {name: number for number, name in enumerate(names)}
    values = np.array([numbers_of.get(str(cell), 0) for cell in cells], np.int64)
    return Target(chosen, names, values, unusable)


def _whole(cells: Sequence[Cell]) -> list[Cell]:
    """`3` for `3.0`, which spreadsheets write of whole numbers where one cell is empty."""
    numbers = {cell: number_of(cell) for cell in set(cells) if cell is not None}
    if all(number.is_integer() for number in numbers.values()):
        return [None if cell is None else str(int(numbers[cell])) for cell in cells]
    return list(cells)


def _task(cells: Sequence[str]) -> Literal["classification", "multilabel", "regression"]:
    if any(SEPARATOR in cell for cell in cells):
        return "multilabel"
    numbers = [number_of(cell) for cell in cells]
    known = [number for number in numbers if not math.isnan(number)]
    if len(known) < 0.95 * len(cells):
        return "classification"
    distinct = len(set(known))
    whole = all(number == int(number) for number in known)
    few = distinct <= _FEW and distinct <= max(2, len(known) // 5)
    return "classification" if (whole and few) or distinct <= 2 else "regression"


def _labels(cell: Cell) -> list[str]:
    return [part.strip() for part in (cell or "").split(SEPARATOR) if part.strip()]


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
