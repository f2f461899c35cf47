"""Labels of an ensemble's rows, and the task that they and the predictions make."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.table.columns.targets import Target, TaskName, read_target
from g2d.table.fusing.matching import some
from g2d.table.reading.cells import as_cell, number_of
from g2d.table.reading.source import Table
from g2d.tasks import Classification, MultiLabel, Task

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Meant:
    """The options of the user for the labels: task, order, positive class.

    Attributes:
        task: What they are; `auto` reads it off them and the columns of predictions.
        order: The classes from the lowest to the highest, where they have an order: the median
            class is then predicted, and the error is how many classes it is off.
        positive: Of two classes, that which a model's only column is of.
    """

    task: TaskName = "auto"
    order: tuple[str, ...] = ()
    positive: str | None = None


def classes(table: Table, target: str, columns: Sequence[str], meant: Meant) -> tuple[Task, Tensor]:
    """The task and the labels, in the order of the columns of predictions or in that of the steps.

    Raises:
        UserError: A label is lacking or has no column, or the task or order is not theirs.
    """
    if meant.task == "regression":
        raise UserError(f"regression takes one column of each model, got {some(columns)}")
    if meant.order:
        if meant.task == "multilabel":
            raise UserError("--order is of classification; leave it out, or --task")
        columns = _in_order(columns, meant.order)
    cells = table.column(target)
    place_of = Places(columns)
    task = meant.task
    if task == "auto" and (
        meant.order or all(cell is None or place_of(cell) is not None for cell in cells)
    ):
        task = "classification"
    found = usable(table, target, read_target(cells, target, task))
    unknown = [name for name in found.names if place_of(name) is None]
    if found.task == "regression" or unknown:
        what = ", ".join(map(repr, unknown[:5])) or "numbers"
        raise UserError(
            f"{table.name}: {target!r} holds {what}, and the columns of predictions are "
            f"{some(columns)}; expected one column for each label"
        )
    values = torch.from_numpy(np.array(found.values)).long()
    order = torch.tensor([place_of(name) for name in found.names])
    if found.task == "multilabel":
        bits = torch.zeros(len(values), len(columns), dtype=torch.int64)
        bits[:, order] = values
        return MultiLabel(columns), bits
    return Classification(columns, selects="mae" if meant.order else "accuracy"), order[values]


def usable(table: Table, target: str, found: Target) -> Target:
    """The labels, if each row has one.

    Raises:
        UserError: A row has none.
    """
    if found.unusable:
        row, why = next(iter(found.unusable.items()))
        none = "; where a row has no label, write none or []" * (found.task == "multilabel")
        raise UserError(
            f"{table.name}, row {row + 1}: {why}; leave out rows whose label is not known{none}"
        )
    return found


def say_unlabelled(task: Task, truth: Tensor) -> None:
    """Warns of classes that have no labelled row: they may be rare, or no classes at all."""
    if not isinstance(task, Classification):
        return
    there = set(truth.tolist())
    if rest := [name for place, name in enumerate(task.class_names) if place not in there]:
        logger.warning(
            "no labelled row is of %d of %d classes (%s)", len(rest), task.outputs, some(rest)
        )


class Places:
    """Where a class has its column: `1` is found in `1.0`, and `true` in `True`.

    Args:
        columns: Names, as a table has them.

    Example:
        >>> place_of = Places(["0.0", "1.0"])
        >>> place_of("1"), place_of("2")
        (1, None)
    """

    def __init__(self, columns: Sequence[str]) -> None:
        self._exact = {name: place for place, name in enumerate(columns)}
        keys = [_key(name) for name in columns]
        distinct = len(set(keys)) == len(keys)  # of "007" and "7" each is itself alone
        self._alike = {key: place for place, key in enumerate(keys)} if distinct else {}

    def __call__(self, name: str) -> int | None:
        """The place of a class, `None` where it has none."""
        place = self._exact.get(name)
        return self._alike.get(_key(name)) if place is None else place


def _key(name: str) -> str | float:
    number = number_of(name)
    return (as_cell(name) or name) if math.isnan(number) else number


def _in_order(columns: Sequence[str], order: Sequence[str]) -> list[str]:
    """The columns from the lowest class to the highest.

    Raises:
        UserError: The order is not one of all columns.
    """
    place_of = Places(columns)
    places = [place_of(name) for name in order]
    if None in places or sorted(map(str, places)) != sorted(map(str, range(len(columns)))):
        raise UserError(
            f"--order: got {', '.join(order)}, expected every class once, from the lowest to the "
            f"highest, of {some(columns)}"
        )
    return [columns[place] for place in places if place is not None]
