"""The task that a recipe sets for a table's target: its name, or a mapping with options."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, get_args

from torch import Tensor

from g2d.errors import UserError
from g2d.table.columns.targets import Target, TaskName, in_order, read_target
from g2d.table.reading.cells import Cell, as_cell, number_of
from g2d.tasks import Classification, MultiLabel, Regression, Task
from g2d.tasks.classification import Selects

_OF: dict[str, tuple[str, ...]] = {
    "classification": ("class_weight", "selects", "threshold", "ignore_case", "order"),
    "multilabel": ("ignore_case",),
    "regression": ("scale", "loss"),
}
_VALUES: dict[str, tuple[Any, ...]] = {
    "class_weight": ("balanced",),
    "selects": get_args(Selects),
    "threshold": ("validation",),
    "ignore_case": (True, False),
    "scale": ("linear", "log"),
    "loss": ("squared", "absolute"),
}


@dataclass(frozen=True)
class Asked:
    """The task that the user asks for, and its options.

    Attributes:
        name: The task; `auto` reads it off the cells.
        class_weight: `balanced` weighs every class the same in the loss, however rare it is.
        selects: The metric that chooses the epoch: `accuracy`, `uar`, `macro_f1`, or `mae` for
            classes in order.
        threshold: `validation` chooses the threshold of two classes there.
        ignore_case: Whether labels that differ in capitals only are one, written as the commonest.
        order: The classes from the lowest to the highest, where they are no numbers.
        scale: `log` for positive numbers of many sizes.
        loss: `squared` or `absolute`.
    """

    name: TaskName = "auto"
    class_weight: str | None = None
    selects: str = "accuracy"
    threshold: str | None = None
    ignore_case: bool = False
    order: tuple[str, ...] = ()
    scale: str = "linear"
    loss: str = "squared"

    @classmethod
    def of(cls, task: str | Mapping[str, Any]) -> Asked:
        """Reads the task of a recipe.

        Raises:
            UserError: A task, an option or a value is unknown.

        Example:
            >>> Asked.of({"name": "regression", "scale": "log"}).scale
            'log'
        """
        if not isinstance(task, str | Mapping):
            raise UserError(f"task: got {task!r}, expected {', '.join(get_args(TaskName))}")
        given: dict[str, Any] = {"name": task} if isinstance(task, str) else dict(task)
        known = [field.name for field in fields(cls)]
        for option, value in given.items():
            if option not in known:
                raise UserError(f"task.{option}: no such option; known: {', '.join(known)}")
            if option == "order":
                given = {**given, "order": _names(value)}
                continue
            expected = get_args(TaskName) if option == "name" else _VALUES[option]
            if value is not None and value not in expected:
                words = ", ".join(str(word).lower() for word in expected)
                raise UserError(f"task.{option}: got {value!r}, expected {words}")
        return cls(**{option: value for option, value in given.items() if value is not None})

    def options(self) -> dict[str, Any]:
        """The options that are not the defaults."""
        usual = Asked(self.name)
        return {n: v for n, v in asdict(self).items() if v != getattr(usual, n)}

    def target(self, cells: Sequence[Cell], column: str) -> Target:
        """The target, its classes in the order that is asked for.

        Raises:
            UserError: There are no targets, they do not fit the task, or a class has no place in
                the order.
        """
        found = read_target(cells, column, self.name)
        if self.order and found.task == "classification":
            return in_order(found, self._order_of(found.names))
        numbers = all(not math.isnan(number_of(name)) for name in found.names)
        if self.selects == "mae" and found.task == "classification" and not numbers:
            raise UserError(
                f"task.selects: mae is for classes in order, and those of {column!r} are no "
                f"numbers; add order: [{', '.join(found.names)}], from the lowest to the highest"
            )
        return found

    def _order_of(self, names: Sequence[str]) -> Sequence[str]:
        """The order, spelt as the table spells its classes where capitals do not matter."""
        if not self.ignore_case:
            return self.order
        spelt = {name.casefold(): name for name in names}
        return [spelt.get(name.casefold(), name) for name in self.order]

    def cells(self, cells: Sequence[Cell]) -> list[Cell]:
        """The target's cells, those alike but for capitals as the commonest is written."""
        if not self.ignore_case:
            return list(cells)
        spelt: dict[str, Counter[str]] = {}
        for cell in cells:
            if cell is not None:
                spelt.setdefault(cell.casefold(), Counter())[cell] += 1
        commonest = {low: seen.most_common(1)[0][0] for low, seen in spelt.items()}
        return [cell if cell is None else commonest[cell.casefold()] for cell in cells]

    def task(self, target: Target, train: Tensor) -> Task:
        """The task, of the classes and of the targets of training.

        Raises:
            UserError: An option is of another task, or the targets do not fit it.
        """
        usual = Asked()
        for options in _OF.values():
            for option in set(options) - set(_OF[target.task]):
                if getattr(self, option) != getattr(usual, option):
                    raise UserError(
                        f"task.{option}: the target is one of {target.task}, which has no such "
                        f"option; it has {', '.join(_OF[target.task])}"
                    )
        if target.task == "multilabel":
            return MultiLabel(target.names)
        if target.task == "regression":
            return Regression.fit(train, self.scale, self.loss)  # type: ignore[arg-type]
        weights = None
        if self.class_weight == "balanced":
            counts = train.bincount(minlength=len(target.names)).double()
            weights = (len(train) / (len(counts) * counts)).tolist()
        return Classification(target.names, weights, self.selects, self.threshold)  # type: ignore[arg-type]


def _names(value: Any) -> tuple[str, ...]:
    """The classes of an order, as the table writes them.

    Raises:
        UserError: They are no list of different names, or numbers out of order.
    """
    listed = isinstance(value, Sequence) and not isinstance(value, str)
    names = tuple(str(as_cell(name)) for name in value or ()) if listed or value is None else ()
    numbers = [number_of(name) for name in names]
    rising = sorted(names, key=number_of)
    if names and not any(map(math.isnan, numbers)) and list(names) not in (rising, rising[::-1]):
        raise UserError(
            f"task.order: got {', '.join(names)}, numbers that neither rise nor fall; expected "
            f"[{', '.join(rising)}]"
        )
    if (value is not None and len(names) < 2) or len(set(names)) < len(names):
        raise UserError(
            f"task.order: got {value!r}, expected every class once, from the lowest to the "
            "highest, as [poor, fair, good]"
        )
    return names
