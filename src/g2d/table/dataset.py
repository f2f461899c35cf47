"""A table as a dataset."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.data.cache import cache_folder
from g2d.data.policies import Division
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import RaggedArray, Store, StoredArray
from g2d.errors import UserError
from g2d.table.columns.asked import Asked
from g2d.table.columns.targets import Target, TaskName, read_target, without_classes
from g2d.table.declared import declare
from g2d.table.fingerprint import fingerprint_of
from g2d.table.inspection.looks import shortened
from g2d.table.kinds import Kind
from g2d.table.kinds.base import Array
from g2d.table.preprocessing import Preprocessing
from g2d.table.reading.numbers import Decimal, reading_note, with_plain_numbers
from g2d.table.reading.source import read_table
from g2d.table.rows.decoding import open_rows
from g2d.table.rows.division import check_division, divide, unplaced
from g2d.table.rows.options import copies, weights_of
from g2d.table.rows.reader import KindReader

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)
# Rows that are looked through at once.
_TOGETHER = 4096


class TableData:
    """Rows of a table: files, text and numbers, and what is to be predicted from them.

    A cell that is empty is a missing modality, and so is one that cannot be used, which is
    reported. Rows without a target, without a place in the division, or without any modality are
    left out, and so are those to validate and test on whose class no training row has. Files are
    decoded once, into a store in the cache.

    Args:
        table: CSV, TSV, Parquet or JSON Lines; in Python also a pandas DataFrame.
        target: The column to predict.
        modalities: By name, `{kind: image, column: photo}`, and the options of the kind; read off
            the table when not given, and of those that are read off it a list of names keeps some.
        task: `classification`, `multilabel` (several labels in a cell), `regression`, or `auto`;
            or a mapping, `{name: regression, scale: log}`, with the options of `Asked`.
        split: How rows are divided: `{column: ...}`, `{group: ...}`, `{time: ...}` with
            `dates`, shares `val` and `test`, `seed`; a column called `split` is followed when
            nothing is said.
        folder: What relative paths are relative to; the table's own folder when not given.
        cache: Where decoded files are kept.
        workers: Processes that decode files; with more than 0, a script of your own has to keep
            its work below `if __name__ == "__main__":`.
        numbers: The decimal mark of columns, `decimal_point` or `decimal_comma`, where their values
            do not tell; how the others are written is read off them.
        weight: A column of numbers: training draws rows in proportion to them.
        duplicates: `drop` leaves out rows whose modalities and target an earlier one has.

    Attributes:
        skipped: Rows that are left out, by number from 1, and why.
        absent: What could not be used of rows that are used: row, modality, reason.

    Raises:
        UserError: The table cannot be read, a column is not there, or nothing can be predicted.
    """

    def __init__(
        self,
        table: str | Path | pandas.DataFrame,
        target: str,
        modalities: Mapping[str, Any] | Sequence[str] | None = None,
        task: TaskName | Mapping[str, Any] = "auto",
        split: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        cache: str | Path | None = None,
        workers: int = 0,
        numbers: Mapping[str, Decimal] | None = None,
        weight: str | None = None,
        duplicates: Literal["keep", "drop"] = "keep",
    ) -> None:
        self.table, readings = with_plain_numbers(read_table(table, folder), numbers)
        self.asked = Asked.of(task)
        cells = self.asked.cells(self.table.column(target))
        self.target = read_target(cells, target, self.asked.name)
        declared = declare(self.table, target, modalities, split, weight)
        self.kinds, self.split, self.name = declared.kinds, declared.split, declared.name
        used = {target, *(c for kind in self.kinds.values() for c in kind.columns)}
        self.numbers = {n: reading.written for n, reading in readings.items() if n in used}
        for name, reading in readings.items():
            if name in used and reading.unsure:
                logger.warning("%s", reading_note(name, reading))
        self._weights, unweighted = weights_of(self.table, weight)
        self._unusable = {**unplaced(self.table, self.split), **unweighted, **self.target.unusable}
        if duplicates == "drop":
            columns = [self.table.columns[c] for c in used if c != target]
            self._unusable |= copies([*columns, cells], self._unusable)
        self.target_name, self.workers = target, workers
        self.cache = cache_folder(cache) / "tables"
        self.skipped: dict[int, str] = {}
        self.absent: list[tuple[int, str, str]] = []

    def splits(self, division: Division | None = None) -> Splits:
        """Decodes what has to be decoded, divides, fits on train.

        Args:
            division: Rows of the table that train, validate and test, in the place of `split`;
                those that cannot be used are left out of it.

        Raises:
            UserError: Nothing usable is left of a modality, a split, or the classes.
        """
        store = self._store()
        rows = store.column("id").astype(np.int64) - 1  # of the table, by row of the store
        place = np.zeros(len(self.table), np.int64)
        place[rows] = np.arange(len(rows))
        usable = np.zeros(len(self.table), bool)
        usable[rows] = True
        if division is None:
            division = divide(self.table, self.target, self.split, usable)
        else:
            division = Division(*(part[usable[part]] for part in division))
        _, division = self._known_classes(division)
        by_store = Division(*(place[part] for part in division))
        present = {name: self._present(store, name) for name in self.kinds}
        decoded = {name: _array(store, name, kind) for name, kind in self.kinds.items()}
        for name, kind in self.kinds.items():
            train = by_store.train[present[name][by_store.train]]
            if len(train) == 0:
                raise UserError(f"modalities.{name}: no training row has it; {self._first(name)}")
            _fit(kind, decoded[name], train)
            self._refuse(name, kind, decoded[name], present[name], rows)
        by_store = self._with_any(by_store, present, rows)
        # a class may have lost its last training row just now
        target, division = self._known_classes(Division(*(rows[part] for part in by_store)))
        by_store = Division(*(place[part] for part in division))
        readers = {n: KindReader(k, decoded[n], present[n]) for n, k in self.kinds.items()}
        missing = {name: mask for name, mask in present.items() if not mask.all()}
        weights = None if self._weights is None else self._weights[rows]
        about = (readers, target.values[rows], missing)
        parts = [PreparedSplit(part, *about, weights=weights) for part in by_store]
        if self.split.group is not None:
            cells = [self.table.columns[self.split.group][row] or "" for row in rows]
            groups = torch.from_numpy(np.unique(cells, return_inverse=True)[1])
            for part, own in zip(parts, by_store, strict=True):
                part.groups = groups[own]
        for note in shortened(self.table, self.kinds):
            logger.warning("%s: %s", self.table.name, note)
        preprocessing = Preprocessing(self.kinds, self.target_name, self.numbers)
        self.absent.sort()
        if self.skipped or self.absent:
            logger.warning(
                "%s: %d of %d rows are left out, %d cells of others could not be used",
                self.table.name,
                len(self.skipped),
                len(self.table),
                len(self.absent),
            )
        spec = DatasetSpec(
            name=self.name,
            task=self.asked.task(target, parts[0].target),
            shapes=preprocessing.shapes,
            protocol=self.split.name,
            fingerprint=fingerprint_of(
                store, target, parts, missing, preprocessing, self.asked.options(), weights
            ),
            notes={
                "skipped": {str(row): self.skipped[row] for row in sorted(self.skipped)},
                "absent": [list(entry) for entry in self.absent],
            },
            preprocessing=preprocessing.as_dict(),
            encoders={name: kind.suggested for name, kind in self.kinds.items()},
            exchangeable=self.split.by is None,
            short_vectors={name: kind.short_vector for name, kind in self.kinds.items()},
        )
        return Splits(spec, *parts)

    def _known_classes(self, division: Division) -> tuple[Target, Division]:
        """Without the classes that no training row has, and their rows."""
        if self.target.task != "classification":
            return self.target, division
        values = self.target.values
        known = np.unique(values[division.train])
        gone = np.setdiff1d(np.arange(len(self.target.names)), known).tolist()
        for part in (division.val, division.test):
            for row in part[~np.isin(values[part], known)].tolist():
                name = self.target.names[int(values[row])]
                self.skipped[row + 1] = f"no training row is of class {name!r}"
            if lost := np.flatnonzero(~np.isin(values[part], known)).size:
                logger.warning(
                    "%s: %d of %d rows to measure on (%.0f %%) are of a class that no training row "
                    "has, so none can be answered right; they are left out",
                    *(self.table.name, lost, len(part), 100 * lost / len(part)),
                )
        left = Division(*(part[np.isin(values[part], known)] for part in division))
        check_division(self.table.name, left)
        return without_classes(self.target, gone), left

    def _with_any(
        self,
        division: Division,
        present: Mapping[str, NDArray[np.bool_]],
        rows: NDArray[np.int64],
    ) -> Division:
        """Without the rows of which nothing is left that fits what was fitted."""
        any_left = np.logical_or.reduce(list(present.values()))
        for place in np.flatnonzero(~any_left).tolist():
            reasons = [f"{name}: {why}" for row, name, why in self.absent if row == rows[place] + 1]
            self.skipped[int(rows[place]) + 1] = "; ".join(reasons)
        self.absent = [entry for entry in self.absent if entry[0] not in self.skipped]
        left = Division(*(part[any_left[part]] for part in division))
        check_division(self.table.name, left)
        return left

    def _store(self) -> Store:
        """The decoded rows, from the cache where they are there."""
        self.skipped = {row + 1: why for row, why in self._unusable.items()}
        if len(self._unusable) == len(self.table):
            row, why = next(iter(self._unusable.items()))
            raise UserError(f"{self.table.name}: no row can be used (first: row {row + 1}: {why})")
        store = open_rows(self.table, self.kinds, set(self._unusable), self.cache, self.workers)
        for id, why in _read(store.folder / "skipped.csv"):
            self.skipped[int(id)] = why
        self.absent = [(int(i), name, why) for i, name, why in _read(store.folder / "absent.csv")]
        return store

    def _present(self, store: Store, name: str) -> NDArray[np.bool_]:
        if name not in store.manifest["arrays"]:
            raise UserError(f"modalities.{name}: no row has it; {self._first(name)}")
        mask = store.present(name)
        return np.ones(len(store.column("id")), bool) if mask is None else mask

    def _first(self, name: str) -> str:
        reasons = [f"row {row}: {why}" for row, where, why in self.absent if where == name]
        return f"first: {reasons[0]}" if reasons else "its cells are empty"

    def _refuse(
        self,
        name: str,
        kind: Kind,
        decoded: RaggedArray | StoredArray,
        present: NDArray[np.bool_],
        rows: NDArray[np.int64],
    ) -> None:
        """What does not fit what was fitted is absent, or in part unused."""
        if not kind.ragged or not kind.judges:
            return
        there = np.flatnonzero(present)
        for part in np.split(there, range(_TOGETHER, len(there), _TOGETHER)):
            arrays = decoded.many(part)
            refused = kind.refused(arrays)
            present[part[list(refused)]] = False
            for place, remark in {**kind.remarks(arrays), **refused}.items():
                self.absent.append((int(rows[part[place]]) + 1, name, remark))


def _array(store: Store, name: str, kind: Kind) -> RaggedArray | StoredArray:
    return store.ragged(name) if kind.ragged else StoredArray(store, name)


def _fit(kind: Kind, decoded: RaggedArray | StoredArray, rows: NDArray[np.int64]) -> None:
    def arrays() -> Iterator[Array]:
        parts = np.split(rows, range(_TOGETHER, len(rows), _TOGETHER))
        return (array for part in parts for array in decoded.many(part))

    kind.fit(arrays)


def _read(file: Path) -> Iterator[list[str]]:
    if file.exists():
        with file.open(newline="", encoding="utf-8") as stream:
            yield from list(csv.reader(stream))[1:]
