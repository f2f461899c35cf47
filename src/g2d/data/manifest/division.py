"""Which rows of a table train, which validate, which test."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.data.manifest.kinds.tabular import date_of, number_of
from g2d.data.manifest.schema import SPLIT_VALUES
from g2d.data.manifest.source import Table
from g2d.data.manifest.targets import Target
from g2d.data.policies import Division, by_group
from g2d.errors import UserError


@dataclass(frozen=True)
class SplitBy:
    """How a table is divided: by a column that says so, or by lot.

    Attributes:
        column: Says `train`, `val` or `test` of every row; without any `val` (or `test`) rows,
            these are drawn from `train`.
        group: No value of this column is in two splits (speakers, patients, houses).
        time: The oldest rows by this column train, the newest test.
        val: Share of validation.
        test: Share of test.
        seed: Of the lot.
    """

    column: str | None = None
    group: str | None = None
    time: str | None = None
    val: float = 0.15
    test: float = 0.15
    seed: int = 0

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> SplitBy:
        """From a recipe.

        Raises:
            UserError: An option is unknown, or two exclude one another.
        """
        options = dict(options or {})
        known = list(cls.__dataclass_fields__)
        for name in options:
            if name not in known:
                raise UserError(f"split.{name}: no such option; known: {', '.join(known)}")
        made = cls(**options)
        if sum(x is not None for x in (made.column, made.group, made.time)) > 1:
            raise UserError("split: give one of column, group and time")
        if not (0 < made.val < 1 and 0 < made.test < 1 and made.val + made.test < 1):
            raise UserError(
                f"split: got shares val={made.val:g} and test={made.test:g}, expected both above 0 "
                "and together below 1"
            )
        return made

    @property
    def name(self) -> str:
        """The policy, as results name it."""
        if self.column is not None:
            return f"column {self.column}"
        if self.group is not None:
            return f"by {self.group}, seed {self.seed}"
        return f"by time {self.time}" if self.time is not None else f"random, seed {self.seed}"


def divide(table: Table, target: Target, how: SplitBy, usable: NDArray[np.bool_]) -> Division:
    """Rows of the three splits; rows that are not usable are in none.

    A class that comes once or twice is in train, where it does no harm.

    Raises:
        UserError: A column is not there or cannot be read, or a split comes out empty.
    """
    rows = np.flatnonzero(usable)
    if how.column is not None:
        division = _by_column(table, target, how, rows)
    elif how.group is not None:
        names = np.array([str(table.column(how.group)[row]) for row in rows])
        shares = (1 - how.val - how.test, how.val, how.test)
        division = Division(*(rows[part] for part in by_group(names, shares, how.seed)))
    elif how.time is not None:
        division = _by_time(table, how, rows)
    else:
        division = _by_lot(target, how, rows)
    for name, part in zip(division._fields, division, strict=True):
        if len(part) == 0:
            raise UserError(
                f"{table.name}: no rows are left for {name} ({len(rows)} usable rows in all); add "
                "rows, or change split"
            )
    return division


def _by_column(table: Table, target: Target, how: SplitBy, rows: NDArray[np.int64]) -> Division:
    said: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    cells = table.column(str(how.column))
    for row in rows.tolist():
        part = SPLIT_VALUES.get(str(cells[row]).lower())
        if part is None:
            known = ", ".join(SPLIT_VALUES)
            raise UserError(f"{how.column}, row {row + 1}: got {cells[row]!r}, expected {known}")
        said[part].append(row)
    parts = {name: np.array(found, np.int64) for name, found in said.items()}
    for name, share in (("test", how.test), ("val", how.val)):
        if len(parts[name]) == 0:
            rest, drawn = _draw(target, parts["train"], share, how.seed)
            parts["train"], parts[name] = rest, drawn
    return Division(parts["train"], parts["val"], parts["test"])


def _by_time(table: Table, how: SplitBy, rows: NDArray[np.int64]) -> Division:
    cells = table.column(str(how.time))
    moments = []
    for row in rows.tolist():
        date = date_of(cells[row])
        moment = number_of(cells[row]) if date is None else date.timestamp()
        if np.isnan(moment):
            raise UserError(f"{how.time}, row {row + 1}: got {cells[row]!r}, expected a date")
        moments.append(moment)
    order = rows[np.argsort(moments, kind="stable")]
    first = round((1 - how.val - how.test) * len(order))
    second = round((1 - how.test) * len(order))
    return Division(np.sort(order[:first]), np.sort(order[first:second]), np.sort(order[second:]))


def _by_lot(target: Target, how: SplitBy, rows: NDArray[np.int64]) -> Division:
    rest, test = _draw(target, rows, how.test, how.seed)
    train, val = _draw(target, rest, how.val / (1 - how.test), how.seed + 1)
    return Division(train, val, test)


def _draw(
    target: Target, rows: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What stays and what is drawn: of every class its share, and never a class's last rows."""
    rng = np.random.default_rng(seed)
    if target.task != "classification":
        drawn = np.sort(rng.permutation(rows)[: round(share * len(rows))])
        return np.setdiff1d(rows, drawn), drawn
    labels = target.values[rows]
    taken: list[NDArray[np.int64]] = []
    carried = 0.0  # what rounding left over goes to the next class
    for label in np.unique(labels):
        own = rng.permutation(rows[labels == label])
        wanted = share * len(own) + carried
        count = min(int(wanted + 0.5), max(0, len(own) - 1))
        carried = wanted - count if len(own) > 2 else 0.0
        taken.append(own[:count])
    drawn = np.sort(np.concatenate(taken))
    return np.setdiff1d(rows, drawn), drawn
