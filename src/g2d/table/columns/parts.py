"""Columns of which rows train and which test; they must not be inputs."""

from __future__ import annotations

import re
from collections.abc import Collection

from g2d.table.reading.source import Table
from g2d.wording import listed

SPLIT_NAMES = ("split", "part", "fold", "subset", "set")
SPLIT_VALUES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
# Numbers of folds and parts, by the column's name.
_NUMBERED = re.compile(r"((.*[\W_])?k?fold|split)s?([\W_]*(no|nr|id|number))?", re.IGNORECASE)
_FOLDS = 20
# Flags for rows that train or test, by the column's name.
_FLAG = re.compile(
    r"(is|in|use_?for)[\W_]*(train|training|val|valid|validation|dev|test|testing|hold_?out)"
    r"([\W_]*(set|row))?",
    re.IGNORECASE,
)


def parts_of_rows(table: Table, taken: Collection[str]) -> tuple[str | None, dict[str, str]]:
    """The column that divides the rows, and others that look as if they did.

    A column is followed if it is named like a split and holds `train` and another part, or if it
    holds nothing else under any name. A column that looks like a split and is not followed must
    not be an input: it would carry how the rows were drawn.

    Args:
        table: The table.
        taken: Columns that are none.

    Returns:
        A column or nothing; and why the others are not used, by column.

    Example:
        >>> from pathlib import Path
        >>> table = Table({"phase": ["train", "test"], "is_test": ["0", "1"]}, Path(), "t")
        >>> column, others = parts_of_rows(table, ())
        >>> column, list(others)
        ('phase', ['is_test'])
    """
    found: list[str] = []
    others: dict[str, str] = {}
    for name, cells in table.columns.items():
        if name in taken:
            continue
        values = {cell.lower() for cell in set(cells) if cell is not None}
        known = values & SPLIT_VALUES.keys()
        parts = {SPLIT_VALUES[value] for value in known}
        called = name.lower() in SPLIT_NAMES
        # one odd word beside them is a slip, which `unplaced` names
        several = "train" in parts and len(parts) > 1 and (called or values == known)
        if several or (called and parts == {"train"} and values == known):
            found.append(name)
        elif why := _looks_like_parts(name, values, called and "train" in parts):
            others[name] = why
    chosen = next((name for name in found if name.lower() in SPLIT_NAMES), next(iter(found), None))
    for name in found:
        if name != chosen:
            others[name] = f"holds train and test, and rows are divided by {chosen!r}"
    return chosen, others


def _looks_like_parts(name: str, values: Collection[str], trains: bool) -> str:
    if trains:
        odd = sorted(values - SPLIT_VALUES.keys())
        return (
            f"looks like a split, but has {listed(map(repr, odd), 3)} beside train; write train, "
            "val and test to have it followed"
        )
    if _NUMBERED.fullmatch(name) and 1 < len(values) <= _FOLDS:
        return (
            "looks like the numbers of parts or folds; write train, val and test to have it "
            f"followed, or split: {{group: {name}}} to keep each of them whole"
        )
    if _FLAG.fullmatch(name) and len(values) == 2:
        return "has the name of a split; to have it followed write a column split of train and test"
    return ""
