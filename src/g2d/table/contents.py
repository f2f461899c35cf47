"""A table read whole: what its columns are, and which rows can be used."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from g2d.table.columns.asked import Asked
from g2d.table.columns.targets import Target
from g2d.table.declared import declare
from g2d.table.inspection.looks import unlabelled
from g2d.table.kinds import Kind
from g2d.table.reading.numbers import Decimal, reading_note, with_plain_numbers
from g2d.table.reading.numerals import Written
from g2d.table.reading.source import Table, read_table
from g2d.table.rows.division import SplitBy, unplaced
from g2d.table.rows.options import copies, weights_of

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Contents:
    """The content of a table, as it was read.

    Attributes:
        table: Its cells, numbers written plainly.
        target: What is to be predicted, by row.
        kinds: The modalities, not fitted yet.
        split: How rows are divided.
        name: Of the data.
        numbers: How the numbers of columns were written that were not plain.
        weight: The column of weights, if there is one.
        weights: Of the rows, where a column holds them; 0 where it holds none.
        unusable: Rows, from 0, that are left out, and why.
    """

    table: Table
    target: Target
    kinds: dict[str, Kind]
    split: SplitBy
    name: str
    numbers: dict[str, Written]
    weight: str | None
    weights: NDArray[np.float64] | None
    unusable: dict[int, str]

    @classmethod
    def read(
        cls,
        source: str | Path | pandas.DataFrame,
        target: str,
        asked: Asked,
        *,
        modalities: Mapping[str, Any] | Sequence[str] | None = None,
        split: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        numbers: Mapping[str, Decimal] | None = None,
        weight: str | None = None,
        duplicates: str = "keep",
    ) -> Contents:
        """Reads a table; the arguments are those of `TableData`.

        Raises:
            UserError: The table cannot be read, a column is not there, or nothing can be predicted.
        """
        table, readings = with_plain_numbers(read_table(source, folder), numbers, target)
        cells = asked.cells(table.column(target))
        values = asked.target(cells, target)
        for note in unlabelled(values, cells):
            logger.warning("%s: %s", table.name, note)
        declared = declare(table, target, modalities, split, weight)
        used = {target, *(c for kind in declared.kinds.values() for c in kind.columns)}
        for name, reading in readings.items():
            if name in used and (reading.unsure or reading.sizeless):
                logger.warning("%s", reading_note(name, reading))
        weights = weights_of(table, weight)
        unusable = {**unplaced(table, declared.split), **values.unusable}
        if duplicates == "drop":
            columns = [table.columns[c] for c in used if c != target]
            unusable |= copies([*columns, cells], unusable)
        return cls(
            table,
            values,
            declared.kinds,
            declared.split,
            declared.name,
            {n: reading.written for n, reading in readings.items() if n in used},
            weight,
            weights,
            unusable,
        )

    @property
    def stands_alone(self) -> bool:
        """Whether the table and its options are all the data, without files beside them."""
        kinds = [kind for kind in self.kinds.values() if kind.names_files]
        return all(kind.stands_alone for kind in self.kinds.values()) and not any(
            kind.files({column: cell}, self.table.folder)
            for kind in kinds
            for column in kind.columns
            for cell in self.table.columns[column]
        )
