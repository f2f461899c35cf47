"""Which rows of a table train, which validate, which test."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division, by_group
from g2d.errors import UserError
from g2d.table.columns.parts import SPLIT_VALUES
from g2d.table.columns.targets import Target, numbered_by_name
from g2d.table.kinds.base import whole
from g2d.table.reading.cells import Cell, number_of
from g2d.table.reading.dates import Written, order_of, read_date
from g2d.table.reading.source import Table

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class SplitBy:
    """How a table is divided: by a column of splits, or at random.

    Attributes:
        column: Holds `train`, `val` or `test` for every row; without any `val` (or `test`) rows,
            these are drawn from `train`.
        group: No value of this column is in two splits (speakers, patients, houses).
        time: The oldest rows by this column train, the newest test; rows of one moment stay
            together.
        dates: How the dates of `time` are written, `day_first`, `month_first` or `iso`; found out
            from its values when not given.
        val: Share of validation.
        test: Share of test.
        seed: Of the random split.
    """

    column: str | None = None
    group: str | None = None
    time: str | None = None
    dates: Written | None = None
    val: float = 0.15
    test: float = 0.15
    seed: int = 0

    @classmethod
    def of(cls, options: Mapping[str, Any] | None) -> SplitBy:
        """Reads the division of a recipe.

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
        if made.dates is not None and (made.time is None or made.dates not in get_args(Written)):
            raise UserError(
                f"split.dates: got {made.dates!r}, expected {', '.join(get_args(Written))}, and "
                "split.time, the column whose dates are so written"
            )
        for name, share in (("val", made.val), ("test", made.test)):
            if not isinstance(share, int | float) or not 0 < share < 1:
                raise UserError(f"split.{name}: got {share!r}, expected a share between 0 and 1")
        if made.val + made.test >= 1:
            raise UserError(
                f"split: got shares val={made.val:g} and test={made.test:g}, expected together "
                "below 1"
            )
        whole("split", "seed", made.seed, 0)
        return made

    @property
    def by(self) -> str | None:
        """The column that rows are divided by, if it is one."""
        return self.column or self.group or self.time

    @property
    def name(self) -> str:
        """The policy, as results name it."""
        drawn = f"{1 - self.val - self.test:.0%}/{self.val:.0%}/{self.test:.0%}"
        if self.column is not None:
            return f"column {self.column}"
        if self.group is not None:
            return f"{drawn} by {self.group}, seed {self.seed}"
        if self.time is not None:
            return f"{drawn} by time {self.time}"
        return f"{drawn} random, seed {self.seed}"


def unplaced(table: Table, how: SplitBy) -> dict[int, str]:
    """Rows that cannot be put in a split, because the cell that decides it is empty, and why.

    Raises:
        UserError: The column is not there, holds something unknown, or dates of which nothing shows
            day from month.
    """
    if how.by is None:
        return {}
    cells = table.column(how.by)
    found = {row: f"{how.by} is empty" for row, cell in enumerate(cells) if cell is None}
    if how.column is not None:
        for row, cell in enumerate(cells):
            if cell is not None and cell.lower() not in SPLIT_VALUES:
                known = ", ".join(SPLIT_VALUES)
                raise UserError(f"{how.column}, row {row + 1}: got {cell!r}, expected {known}")
    if how.time is not None:
        for row, moment in enumerate(_moments(cells, how)):
            if np.isnan(moment) and row not in found:
                found[row] = f"{how.time}: {cells[row]!r} is no date"
    if len(found) == len(cells):
        raise UserError(f"{table.name}: no row can be placed by {how.by} (first: {found[0]})")
    return found


def divide(table: Table, target: Target, how: SplitBy, usable: NDArray[np.bool_]) -> Division:
    """Rows of the three splits; rows that are not usable are in none.

    The last row of a class stays in train.

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
        division = _at_random(target, how, rows)
    check_division(table.name, division)
    return division


def val_is_drawn(table: Table, how: SplitBy) -> bool:
    """Whether validation is drawn at random: from all rows, or where a column marks no row val.

    Example:
        >>> from pathlib import Path
        >>> table = Table({"part": ["train", "test", "train"]}, Path(), "t")
        >>> val_is_drawn(table, SplitBy()), val_is_drawn(table, SplitBy(column="part"))
        (True, True)
        >>> val_is_drawn(table, SplitBy(time="part"))
        False
    """
    if how.column is None:
        return how.by is None
    found = {cell.lower() for cell in set(table.column(how.column)) if cell is not None}
    return not any(SPLIT_VALUES[one] == "val" for one in found)


def check_division(name: str, division: Division) -> None:
    """Makes sure that each split has rows.

    Raises:
        UserError: One has none.
    """
    total = sum(map(len, division))
    for part, rows in zip(division._fields, division, strict=True):
        if len(rows) == 0:
            raise UserError(
                f"{name}: no rows are left for {part} ({total} usable rows in all); add rows, or "
                "change split"
            )


def _by_column(table: Table, target: Target, how: SplitBy, rows: NDArray[np.int64]) -> Division:
    places: dict[str, list[int]] = {"train": [], "val": [], "test": []}
    cells = table.column(str(how.column))
    for row in rows.tolist():
        places[SPLIT_VALUES[str(cells[row]).lower()]].append(row)
    parts = {name: np.array(found, np.int64) for name, found in places.items()}
    if len(parts["test"]) == 0:
        logger.warning(
            "%s: %s leaves no usable row to test on; %.0f %% of its train rows are drawn for that",
            *(table.name, how.column, 100 * how.test),
        )
    for name, share in (("test", how.test), ("val", how.val)):
        if len(parts[name]) == 0:
            rest, drawn = _draw(target, parts["train"], share, how.seed)
            parts["train"], parts[name] = rest, drawn
    return Division(parts["train"], parts["val"], parts["test"])


def _by_time(table: Table, how: SplitBy, rows: NDArray[np.int64]) -> Division:
    moments = _moments(table.column(str(how.time)), how)[rows]
    order = np.argsort(moments, kind="stable")
    rows, moments = rows[order], moments[order]
    begins = 1 + np.flatnonzero(np.diff(moments))  # a new moment, and so perhaps a split
    if len(begins) < 2:
        raise UserError(
            f"{how.time}: got {len(begins) + 1} different moments, expected 3 or more to divide "
            "by time"
        )
    first = _nearest(begins[:-1], (1 - how.val - how.test) * len(rows))
    second = _nearest(begins[begins > first], (1 - how.test) * len(rows))
    return Division(np.sort(rows[:first]), np.sort(rows[first:second]), np.sort(rows[second:]))


def _nearest(places: NDArray[np.int64], wanted: float) -> int:
    return int(places[np.abs(places - wanted).argmin()])


def _moments(cells: Sequence[Cell], how: SplitBy) -> NDArray[np.float64]:
    """Seconds since 1970 where most cells are dates, else their numbers; `nan` where neither.

    A guess at day and month would put the future into train, so there is none.
    """
    order = order_of(cells)
    dates = [read_date(cell, how.dates or order.written) for cell in cells]
    numbers = np.array([number_of(cell) for cell in cells], np.float64)
    stamps = np.array([np.nan if date is None else date.timestamp() for date in dates], np.float64)
    if np.isfinite(stamps).sum() < np.isfinite(numbers).sum():
        return numbers
    if order.unsure and how.dates is None:
        raise UserError(
            f"split.time: no value of {how.time!r} tells day from month ({order.unsure!r} may be "
            "either), so which rows are the newest is not known; add dates: day_first or dates: "
            "month_first to split"
        )
    return stamps


def _at_random(target: Target, how: SplitBy, rows: NDArray[np.int64]) -> Division:
    rest, test = _draw(target, rows, how.test, how.seed)
    train, val = _draw(target, rest, how.val / (1 - how.test), how.seed + 1)
    return Division(train, val, test)


def _draw(
    target: Target, rows: NDArray[np.int64], share: float, seed: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """What stays and what is drawn: of every class its share, and never a class's last rows."""
    rng = np.random.default_rng(seed)
    if target.task != "classification":
        count = max(1, round(share * len(rows)))
        drawn = np.sort(rng.permutation(rows)[: min(count, len(rows) - 1)])
        return np.setdiff1d(rows, drawn), drawn
    labels = numbered_by_name(target)[rows]  # the order of classes changes no draw
    classes, sizes = np.unique(labels, return_counts=True)
    # sorted once, in the place of searching all rows for every class
    by_class = np.split(rows[np.argsort(labels, kind="stable")], np.cumsum(sizes)[:-1])
    pools = dict(zip(classes.tolist(), map(rng.permutation, by_class), strict=True))
    counts: dict[int, int] = {}
    carried = 0.0  # what rounding left over goes to the next class
    for label, size in zip(classes.tolist(), sizes.tolist(), strict=True):
        wanted = share * size + carried
        counts[label] = max(0, min(int(wanted + 0.5), size - 1))
        carried = min(0.5, max(-0.5, wanted - counts[label]))
    if not any(counts.values()) and sizes.max(initial=0) > 1:
        counts[int(classes[sizes.argmax()])] = 1
    drawn = np.sort(np.concatenate([rows[:0], *(pools[c][: counts[c]] for c in pools)]))
    return np.setdiff1d(rows, drawn), drawn
