"""From a table to a recipe that its owner can edit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from g2d.errors import UserError, require
from g2d.recipes.completing import AUTO
from g2d.table.columns.schema import Inferred, infer, make_kinds
from g2d.table.columns.targets import Target, TaskName, read_target
from g2d.table.inspection.doubts import doubts_of
from g2d.table.inspection.looks import opened, shortened, unlabelled
from g2d.table.inspection.names import rare_classes
from g2d.table.inspection.offers import offers_for
from g2d.table.inspection.suspects import copies_in, groups_in
from g2d.table.kinds import Kind
from g2d.table.kinds.base import share
from g2d.table.reading.numbers import Reading, reading_note, with_plain_numbers
from g2d.table.reading.source import Table, read_table

# Files from which on decoding is worth a second process.
_MANY = 1000


def inspect_table(
    path: str | Path, target: str, task: TaskName = "auto"
) -> tuple[dict[str, Any], list[str]]:
    """Writes a recipe for a table, with notes on what the table holds.

    Args:
        path: The table.
        target: The column to predict.
        task: As in `TableData`.

    Returns:
        The recipe as plain values, and what its owner should know, in sentences.

    Raises:
        UserError: The table cannot be read, or holds fewer than two modalities.
    """
    seen = _Seen.of(path, target, task)
    if len(seen.kinds) < 2:
        raise seen.too_few()
    return _recipe(seen, path), seen.notes()


@dataclass(frozen=True)
class _Seen:
    """A table, and what its columns seem to be.

    Attributes:
        table: Its numbers plain.
        target: The column to predict.
        truth: What is in it.
        found: The modalities, and the columns that are none.
        kinds: By modality.
        readings: How numbers were written that are plain now, by column.
    """

    table: Table
    target: str
    truth: Target
    found: Inferred
    kinds: Mapping[str, Kind]
    readings: Mapping[str, Reading]

    @classmethod
    def of(cls, path: str | Path, target: str, task: TaskName) -> _Seen:
        table, readings = with_plain_numbers(read_table(path), target=target)
        if task == "auto" and target in table.categories:
            task = "classification"
        truth = read_target(table.column(target), target, task)
        found = infer(table, target)
        return cls(table, target, truth, found, make_kinds(found.modalities), readings)

    @cached_property
    def suspects(self) -> list[str]:
        """What makes a result look better or worse than it is, in sentences."""
        return [
            *doubts_of(self.table, self.kinds, self.target, self.truth),
            *groups_in(self.table, self.target, self.found.split),
            *copies_in(self.table, self.kinds),
        ]

    @cached_property
    def offers(self) -> list[str]:
        """Other tasks that the target may have, in sentences."""
        return offers_for(self.truth, self.table.column(self.target), self.target)

    @cached_property
    def written(self) -> list[str]:
        """How columns of numbers are read, in sentences."""
        return [reading_note(column, reading) for column, reading in self.readings.items()]

    def too_few(self) -> UserError:
        """The message where there is nothing to fuse."""
        got = ", ".join(f"{name} ({kind.name})" for name, kind in self.kinds.items()) or "none"
        left = "; ".join(f"{name}: {why}" for name, why in self.found.unused.items())
        return UserError(
            f"{self.table.name}: found modalities: {got}; expected 2 or more beside the target"
            + (f" (not used: {left})" if left else "")
            + "".join(f"; {note}" for note in [*self.offers, *self.written, *self.suspects])
        )

    def notes(self) -> list[str]:
        """What the owner of the table should know, in sentences."""
        table, truth, rows = self.table, self.truth, len(self.table)
        notes = [f"{rows} rows; {truth.task} of {self.target!r}" + _classes(truth.names)]
        notes += self.offers
        if self.found.split is not None:
            notes.append(f"split: rows are divided by the column {self.found.split}")
        notes += [_about(name, kind, table) for name, kind in self.kinds.items()]
        notes += self.written
        notes += [*opened(table, self.kinds), *shortened(table, self.kinds), *self.suspects]
        notes += [f"not used: {name} ({why})" for name, why in self.found.unused.items()]
        if truth.unusable:
            left_out = share(len(truth.unusable), rows)
            notes.append(f"left out: {left_out} rows without a usable target")
        notes += unlabelled(truth, table.column(self.target))
        return notes + rare_classes(truth)


def _recipe(seen: _Seen, path: str | Path) -> dict[str, Any]:
    """What trains on a table, as plain values."""
    rows, split = len(seen.table), seen.found.split
    data: dict[str, Any] = {
        "name": "table",
        "table": str(Path(path).resolve()),
        "target": seen.target,
        "task": seen.truth.task,
        "modalities": seen.found.modalities,
        "split": {"column": split} if split else {"val": 0.15, "test": 0.15, "seed": 0},
    }
    if rows > _MANY:
        data["workers"] = 2
    return {
        "data": data,
        "encoders": dict.fromkeys(seen.kinds, AUTO),
        "fusion": "late",
        "method": "auto",
        "training": {
            "batch_size": 32 if rows >= 400 else 16,
            "optimizer": "adamw",
            "learning_rate": 0.001,
            "weight_decay": 0.01,
        },
        "seed": 0,
    }


def _about(name: str, kind: Kind, table: Table) -> str:
    """A modality in words, with the share of rows that lack it."""
    empty = sum(
        all(table.columns[column][row] is None for column in kind.columns)
        for row in range(len(table))
    )
    line = f"{name}: {kind.name} in {_columns(kind.columns)}"
    return line + (f", empty in {share(empty, len(table))} rows" if empty else "")


# Shares of the rows that judge, and that test whether G²D helps, where the table has no split.
_JUDGES, _TESTS, _LONG = 0.25, 0.2, 10_000


def diagnosis_recipe(path: str | Path, target: str) -> tuple[dict[str, Any], list[str]]:
    """Like `inspect_table`, but with more rows that judge where a table is short and undivided.

    What a diagnosis can find depends on the rows it is judged on.
    """
    recipe, notes = inspect_table(path, target)
    if "column" not in recipe["data"]["split"] and len(read_table(path)) < _LONG:
        recipe["data"]["split"] |= {"val": _JUDGES, "test": _TESTS}
    return recipe, notes


def as_yaml(recipe: dict[str, Any], notes: list[str]) -> str:
    """The recipe as its owner will edit it, the notes as comments."""
    yaml = require("yaml", "train")
    comments = "".join(f"# {' '.join(note.split())}\n" for note in notes)
    text: str = yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=96)
    return comments + text


def _classes(names: tuple[str, ...]) -> str:
    if not names:
        return ""
    shown = ", ".join(names[:8])
    more = f" and {len(names) - 8} more" if len(names) > 8 else ""
    return f", {len(names)} classes ({shown}{more})"


def _columns(columns: tuple[str, ...]) -> str:
    if len(columns) <= 6:
        return ", ".join(columns)
    return f"{columns[0]}, {columns[1]}, ... {columns[-1]} ({len(columns)} columns)"
