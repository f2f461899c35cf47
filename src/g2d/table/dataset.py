"""A table as a dataset."""

from __future__ import annotations

import csv
import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from g2d.data.cache import cache_folder
from g2d.data.policies import Division
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import RaggedArray, Store, StoredArray
from g2d.errors import UserError
from g2d.table.division import SplitBy, check_division, divide, unplaced
from g2d.table.fingerprint import fingerprint_of
from g2d.table.kinds import Kind
from g2d.table.kinds.base import Array
from g2d.table.preprocessing import Preprocessing
from g2d.table.reader import KindReader
from g2d.table.rows import KIND, open_rows
from g2d.table.schema import infer, make_kinds
from g2d.table.source import read_table
from g2d.table.targets import Target, TaskName, read_target, without_classes
from g2d.tasks import Classification, MultiLabel, Regression, Task

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)


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
        task: `classification`, `multilabel` (labels of a row separated by `|`), `regression`, or
            `auto`.
        split: How rows are divided: `{column: ...}`, `{group: ...}`, `{time: ...}` with
            `dates`, shares `val` and `test`, `seed`; a column called `split` is followed when
            nothing is said.
        folder: What relative paths are relative to; the table's own folder when not given.
        cache: Where decoded files are kept.
        workers: Processes that decode files; with more than 0, a script of your own has to keep
            its work below `if __name__ == "__main__":`.

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
        task: TaskName = "auto",
        split: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        cache: str | Path | None = None,
        workers: int = 0,
    ) -> None:
        self.table = read_table(table, folder)
        self.target = read_target(self.table.column(target), target, task)
        self.split = SplitBy.of(split)
        self.name = name_of(self.table.name)
        specs, names = (modalities, None) if isinstance(modalities, Mapping) else ({}, modalities)
        if not specs or split is None:
            # speakers are told apart by their name: dividing by it, nothing may be learnt from it
            apart = [name for name in (self.split.column, self.split.group) if name is not None]
            inferred = infer(self.table, target, apart)
            if not specs:
                specs = _some(inferred.modalities, names)
                if len(specs) < len(inferred.modalities):  # other data, so called as `choose` does
                    self.name = "-".join([self.name, *specs])
            if split is None and inferred.split is not None:
                self.split = SplitBy(column=inferred.split)
        self.kinds = make_kinds(specs)
        if not self.kinds:
            raise UserError(f"{self.table.name}: no column beside {target!r} can be learnt from")
        for name, kind in self.kinds.items():
            for column in kind.columns:
                if column == target:
                    raise UserError(f"modalities.{name}: {column!r} is the target; leave it out")
                if column in (self.split.column, self.split.group):
                    raise UserError(
                        f"modalities.{name}: rows are divided by {column!r}, so nothing may be "
                        "learnt from it; leave it out"
                    )
                self.table.column(column)
        self.split = _as_written(self.split, self.kinds)
        self._unusable = {**unplaced(self.table, self.split), **self.target.unusable}
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
        place = {row: position for position, row in enumerate(rows.tolist())}
        usable = np.isin(np.arange(len(self.table)), rows)
        if division is None:
            division = divide(self.table, self.target, self.split, usable)
        else:
            division = Division(*(part[usable[part]] for part in division))
        target, division = self._known_classes(division)
        by_store = Division(*(np.array([place[r] for r in part]) for part in division))
        present = {name: self._present(store, name) for name in self.kinds}
        decoded = {name: _array(store, name, kind) for name, kind in self.kinds.items()}
        for name, kind in self.kinds.items():
            train = by_store.train[present[name][by_store.train]]
            if len(train) == 0:
                raise UserError(f"modalities.{name}: no training row has it; {self._first(name)}")
            _fit(kind, decoded[name], train)
            self._refuse(name, kind, decoded[name], present[name], rows)
        by_store = self._with_any(by_store, present, rows)
        readers = {n: KindReader(k, decoded[n], present[n]) for n, k in self.kinds.items()}
        missing = {name: mask for name, mask in present.items() if not mask.all()}
        parts = [PreparedSplit(part, readers, target.values[rows], missing) for part in by_store]
        preprocessing = Preprocessing(self.kinds, self.target_name)
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
            task=_task(target, parts[0]),
            shapes=preprocessing.shapes,
            protocol=self.split.name,
            fingerprint=fingerprint_of(store, target, parts, missing, preprocessing),
            notes={
                "skipped": {str(row): self.skipped[row] for row in sorted(self.skipped)},
                "absent": [list(entry) for entry in self.absent],
            },
            preprocessing=preprocessing.as_dict(),
            encoders={name: kind.suggested for name, kind in self.kinds.items()},
            exchangeable=self.split.by is None,
            summaries={name: kind.summary for name, kind in self.kinds.items()},
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
        if not kind.ragged:
            return
        for place in np.flatnonzero(present).tolist():
            array = decoded[place]
            why_not = kind.refuses(array)
            present[place] = not why_not
            remark = why_not or kind.remark(array)
            if remark:
                self.absent.append((int(rows[place]) + 1, name, remark))


def _some(found: Mapping[str, Any], names: Sequence[str] | None) -> Mapping[str, Any]:
    """What was read off a table, or those of it that are named, in the order of the table."""
    if names is None:
        return found
    unknown = [name for name in names if name not in found]
    if unknown or not names or isinstance(names, str):
        raise UserError(f"modalities: got {names!r}, expected some of {', '.join(found)}")
    return {name: found[name] for name in found if name in names}


def _as_written(split: SplitBy, kinds: Mapping[str, Kind]) -> SplitBy:
    """The dates that rows are divided by are written as a modality's option says of that column."""
    if split.time is None or split.dates is not None:
        return split
    given = [kind.options.get("dates", {}) for kind in kinds.values()]
    said = {dates[split.time] for dates in given if split.time in dates}
    if len(said) > 1:
        raise UserError(
            f"split.time: modalities read the dates of {split.time!r} in different ways "
            f"({', '.join(sorted(said))}); add dates to split, or mend theirs"
        )
    return replace(split, dates=said.pop()) if said else split


def name_of(table: str) -> str:
    """The table's, as part of the names of folders."""
    return re.sub(r"[^\w-]+", "_", Path(table).stem).strip("_") or KIND


def _array(store: Store, name: str, kind: Kind) -> RaggedArray | StoredArray:
    return store.ragged(name) if kind.ragged else StoredArray(store, name)


def _fit(kind: Kind, decoded: RaggedArray | StoredArray, rows: NDArray[np.int64]) -> None:
    def arrays() -> Iterator[Array]:
        return (decoded[row] for row in rows.tolist())

    kind.fit(arrays)


def _task(target: Target, train: PreparedSplit) -> Task:
    if target.task == "classification":
        return Classification(target.names)
    if target.task == "multilabel":
        return MultiLabel(target.names)
    return Regression.fit(train.target)


def _read(file: Path) -> Iterator[list[str]]:
    if file.exists():
        with file.open(newline="", encoding="utf-8") as stream:
            yield from list(csv.reader(stream))[1:]
