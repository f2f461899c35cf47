"""What turns the cells of a table into a model's inputs, fitted and saved with the model."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.table.kinds import KINDS, Features, Kind
from g2d.table.kinds.base import Field
from g2d.table.reading.cells import number_of
from g2d.table.reading.numerals import Written, doubted
from g2d.table.reading.numerals import plain as plain_cell
from g2d.table.reading.source import Row, Table
from g2d.wording import listed


@dataclass(frozen=True)
class Preprocessing:
    """The kinds of all modalities, fitted on the training rows.

    Attributes:
        kinds: By modality, in the declared order.
        target: Name of the target's column, which new rows need not have.
        numbers: How the numbers of columns were written that were not plain.
    """

    kinds: dict[str, Kind]
    target: str
    numbers: Mapping[str, Written] = field(default_factory=dict)

    def as_dict(self, *, inputs_only: bool = False) -> dict[str, Any]:
        """Plain values, for JSON; all of them, or those alone that inputs depend on."""
        written = {name: how.as_dict() for name, how in self.numbers.items()}
        return {
            "target": self.target,
            **({"numbers": written} if written else {}),
            "modalities": {
                name: {
                    "kind": kind.name,
                    "columns": list(kind.columns),
                    "options": kind.options,
                    "state": kind.state(),
                    **({} if inputs_only else _where_any("remembered", kind.remembered())),
                }
                for name, kind in self.kinds.items()
            },
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Preprocessing:
        """Restores the preprocessing from `as_dict`.

        Raises:
            UserError: It names a kind of modality that there is not.
        """
        kinds = {}
        for name, spec in content["modalities"].items():
            if spec["kind"] not in KINDS:
                known = ", ".join(KINDS)
                raise UserError(f"modality {name!r}: no kind {spec['kind']!r}; known: {known}")
            kind = KINDS[spec["kind"]](spec["columns"], **spec["options"])
            kind.load_state(spec["state"])
            kind.load_remembered(spec.get("remembered", {}))
            kinds[name] = kind
        written = {name: Written(**how) for name, how in content.get("numbers", {}).items()}
        return cls(kinds, content["target"], written)

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Shape of one input of every modality."""
        return {name: kind.shape for name, kind in self.kinds.items()}

    @property
    def columns(self) -> list[str]:
        """All columns that are read."""
        return list(dict.fromkeys(c for kind in self.kinds.values() for c in kind.columns))

    def batch(self, rows: Sequence[Row], folder: Path) -> tuple[Batch, list[dict[str, str]]]:
        """The inputs of some rows; what is empty or cannot be used is absent.

        Args:
            rows: Cells by column; a column that is not there is empty in all of them.
            folder: What relative paths are relative to.

        Returns:
            A batch whose targets are all zero, with a mask for every modality; and for each row,
            by modality, why a cell that holds something could not be used.
        """
        reasons: list[dict[str, str]] = [{} for _ in rows]
        inputs, present = {}, {}
        rows = [self.plain(row) for row in rows]
        for name, kind in self.kinds.items():
            stacked = np.zeros((len(rows), *kind.shape), kind.dtype)
            there = np.zeros(len(rows), bool)
            for place, row in enumerate(rows):
                cells = {column: row.get(column) for column in kind.columns}
                try:
                    array = kind.decode(cells, folder)
                    if array is not None and (why_not := kind.refuses(array)):
                        raise UserError(why_not)
                except UserError as error:
                    reasons[place][name] = str(error)
                    continue
                if array is not None:
                    if remark := kind.remark(array) or kind.unfamiliar(array):
                        reasons[place][name] = remark
                    stacked[place], there[place] = kind.finish(array), True
            inputs[name], present[name] = torch.from_numpy(stacked), torch.from_numpy(there)
        zeros = torch.zeros(len(rows), dtype=torch.int64)
        return Batch(inputs, zeros, torch.arange(len(rows)), present), reasons

    def unseen(self, row: Row) -> dict[str, str]:
        """Values of categories, by column, that are none of those kept from training.

        Args:
            row: As `plain` gives it.
        """
        return {
            name: cell
            for name, known in self._categories.items()
            if (cell := row.get(name)) is not None and cell not in known
        }

    def outside(self, row: Row) -> dict[str, str]:
        """Numbers, by column, that are smaller or larger than all of training.

        Args:
            row: As `plain` gives it.
        """
        found = {}
        for name, (low, high) in self.ends.items():
            if (cell := row.get(name)) is not None:
                number = number_of(cell)
                if number < low or number > high:
                    found[name] = cell
        return found

    def doubtful(self, unseen: Mapping[str, str], outside: Mapping[str, str]) -> dict[str, str]:
        """The findings of `unseen` and `outside`, by column, in words.

        Of a block of columns one or another lies outside by chance: where half of them do, it is
        reported for the block, by its modality.
        """
        doubts = {name: f"{cell!r} is {self.unknown(name)}" for name, cell in unseen.items()}
        for name, columns in by_block(outside, self.blocks).items():
            if name is None:
                doubts |= {c: f"{outside[c]} {self.outside_of(c)}" for c in columns}
            elif 2 * len(columns) >= len(self.kinds[name].columns):
                first = columns[0]
                doubts[name] = (
                    f"{len(columns)} of its {len(self.kinds[name].columns)} columns are outside "
                    f"those of training, for example {first}: {outside[first]} "
                    f"{self.outside_of(first)}"
                )
        return doubts

    def outside_of(self, column: str) -> str:
        """Which numbers of training new ones are outside of, in words."""
        low, high = self.ends[column]
        return f"is outside the {low:g} to {high:g} of training"

    def unknown(self, column: str) -> str:
        """The words for a value of a category that was not kept from training."""
        rare = self._not_kept.get(column, 0)
        also = f", or one of the {rare} values too rare there to be kept" if rare else ""
        return f"not known from training{also}"

    @cached_property
    def ends(self) -> dict[str, Sequence[float]]:
        """The smallest and the largest number of training, by column, where that is known."""
        return {field.column: field.ends for field in self._fields if field.ends is not None}

    @cached_property
    def blocks(self) -> dict[str, str]:
        """The modality of each column that is one number of a vector."""
        return {
            column: name
            for name, kind in self.kinds.items()
            if isinstance(kind, Features) and len(kind.columns) > 1
            for column in kind.columns
        }

    @cached_property
    def _not_kept(self) -> dict[str, int]:
        """How many values of training were too rare to be kept, by column of categories."""
        return {field.column: field.others for field in self._fields if field.others}

    @cached_property
    def _categories(self) -> dict[str, frozenset[str]]:
        return {f.column: frozenset(f.values) for f in self._fields if f.holds == "category"}

    @cached_property
    def _fields(self) -> list[Field]:
        return [field for kind in self.kinds.values() for field in kind.fields()]

    def plain(self, row: Row) -> Row:
        """A row with its numbers as those of the training rows were read."""
        plainly = {name: plain_cell(row.get(name), how) for name, how in self._written.items()}
        return {**row, **plainly}

    @cached_property
    def _written(self) -> dict[str, Written]:
        numbers = {field.column: Written() for field in self._fields if field.holds == "number"}
        return {**numbers, **self.numbers}

    def check_columns(self, table: Table) -> list[str]:
        """Columns that a table lacks; all of them absent is an error.

        Raises:
            UserError: It has none of the columns, or numbers or dates of one would be read wrongly,
                since they are written otherwise than those of the training rows.
        """
        lacking = [name for name in self.columns if name not in table.columns]
        if len(lacking) == len(self.columns):
            expected, got = _few(self.columns), _few(list(table.columns))
            raise UserError(f"{table.name} has none of the columns {expected}; it has {got}")
        for name in self.numbers.keys() & table.columns.keys():
            how = self.numbers[name]
            if (pair := doubted(table.columns[name], how)) is not None:
                there, other = ("comma", "point") if how.decimal == "," else ("point", "comma")
                raise UserError(
                    f"{table.name}: {name!r} holds {pair[1]!r}, which has a decimal {other}, and "
                    f"{pair[0]!r}, which may have one too; the run was trained on numbers with a "
                    f"decimal {there}: write them so"
                )
        for kind in self.kinds.values():
            if why := kind.misread(table.columns):
                raise UserError(f"{table.name}: {why}")
        return lacking


def by_block(columns: Iterable[str], blocks: Mapping[str, str]) -> dict[str | None, list[str]]:
    """Columns by the block that they are of; `None` for those of none.

    Example:
        >>> by_block(["age", "f1", "f2"], {"f1": "f", "f2": "f"})
        {None: ['age'], 'f': ['f1', 'f2']}
    """
    found: dict[str | None, list[str]] = {}
    for column in columns:
        found.setdefault(blocks.get(column), []).append(column)
    return found


def _where_any(name: str, about: Mapping[str, Any]) -> dict[str, Any]:
    return {name: dict(about)} if about else {}


def _few(names: Sequence[str]) -> str:
    return listed(names, 12)
