"""From the cells of a table to what its splits are made of: decoded, divided, fitted."""

from __future__ import annotations

import csv
import logging
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division
from g2d.data.store import RaggedArray, Store, StoredArray
from g2d.errors import UserError
from g2d.table.columns.asked import Asked
from g2d.table.columns.targets import Target, without_classes
from g2d.table.contents import Contents
from g2d.table.fingerprint import fingerprint_of
from g2d.table.inspection.looks import shortened
from g2d.table.kinds import Kind
from g2d.table.kinds.base import Array
from g2d.table.opened import Opened
from g2d.table.preprocessing import Preprocessing
from g2d.table.rows.decoding import open_rows
from g2d.table.rows.division import check_division, divide, val_is_drawn
from g2d.table.rows.options import weighed
from g2d.table.rows.reader import KindReader

logger = logging.getLogger(__name__)
# Rows that are read at once.
_TOGETHER = 4096


class Opening:
    """Decodes what has to be decoded, divides, fits on train.

    Args:
        contents: The table.
        target: The column to predict.
        asked: The task.
        cache: Where decoded rows are kept.
        workers: Processes that decode files.

    Attributes:
        skipped: Rows that are left out, by number from 1, and why.
        absent: What could not be used of rows that are used: row, modality, reason.
    """

    def __init__(
        self, contents: Contents, target: str, asked: Asked, cache: Path, workers: int
    ) -> None:
        self.contents, self.asked = contents, asked
        self._target, self._cache, self._workers = target, cache, workers
        self.table, self.kinds, self.name = contents.table, contents.kinds, contents.table.name
        self.skipped = {row + 1: why for row, why in contents.unusable.items()}
        self.absent: list[tuple[int, str, str]] = []

    def opened(self, division: Division | None) -> Opened:
        """Decodes, divides and fits the table.

        Args:
            division: Rows of the table that train, validate and test, in the place of the one that
                was asked for.

        Raises:
            UserError: Nothing usable is left of a modality, a split, or the classes.
        """
        table, target, kinds = self.table, self.contents.target, self.kinds
        store = self._store()
        rows = store.column("id").astype(np.int64) - 1  # of the table, by row of the store
        place = np.zeros(len(table), np.int64)
        place[rows] = np.arange(len(rows))
        usable = np.zeros(len(table), bool)
        usable[rows] = True
        if division is None:
            division = divide(table, target, self.contents.split, usable)
        else:
            division = Division(*(part[usable[part]] for part in division))
        _, division = self._known_classes(self._weighed(division))
        by_store = Division(*(place[part] for part in division))
        present = {name: self._present(store, name) for name in kinds}
        decoded = {name: _array(store, name, kind) for name, kind in kinds.items()}
        for name, kind in kinds.items():
            train = by_store.train[present[name][by_store.train]]
            if len(train) == 0:
                raise UserError(f"modalities.{name}: no training row has it; {self._first(name)}")
            _fit(kind, decoded[name], train)
            self._refuse(name, kind, decoded[name], present[name], rows)
        by_store = self._with_any(by_store, present, rows)
        # a class may have lost its last training row just now
        target, division = self._known_classes(Division(*(rows[part] for part in by_store)))
        by_store = Division(*(place[part] for part in division))
        missing = {name: mask for name, mask in present.items() if not mask.all()}
        weights = None if self.contents.weights is None else self.contents.weights[rows]
        groups: NDArray[np.int64] | None = None
        if (group := self.contents.split.group) is not None:
            cells = [table.columns[group][row] or "" for row in rows]
            groups = np.unique(cells, return_inverse=True)[1]
        for note in shortened(table, kinds):
            logger.warning("%s: %s", self.name, note)
        self.absent.sort()
        if self.skipped or self.absent:
            logger.warning(
                "%s: %d of %d rows are left out, %d cells of others could not be used",
                self.name,
                len(self.skipped),
                len(table),
                len(self.absent),
            )
        preprocessing = Preprocessing(kinds, self._target, self.contents.numbers)
        asked = self.asked.options()
        return Opened(
            name=self.contents.name,
            protocol=self.contents.split.name,
            exchangeable=val_is_drawn(table, self.contents.split),
            fingerprint=fingerprint_of(
                store, target, by_store, missing, preprocessing, asked, weights
            ),
            preprocessing=preprocessing,
            target=replace(target, values=target.values[rows]),
            division=by_store,
            readers={n: KindReader(k, decoded[n], present[n]) for n, k in kinds.items()},
            missing=missing,
            weights=weights,
            groups=groups,
            skipped=self.skipped,
            absent=self.absent,
        )

    def _weighed(self, division: Division) -> Division:
        """Without the training rows that have no weight; weights act on training alone."""
        contents = self.contents
        train, lost = weighed(self.table, contents.weight, contents.weights, division.train)
        self.skipped |= {row + 1: why for row, why in lost.items()}
        check_division(self.name, left := division._replace(train=train))
        return left

    def _known_classes(self, division: Division) -> tuple[Target, Division]:
        """Without the classes that no training row has, and their rows."""
        if self.contents.target.task != "classification":
            return self.contents.target, division
        values = self.contents.target.values
        known = np.unique(values[division.train])
        gone = np.setdiff1d(np.arange(len(self.contents.target.names)), known).tolist()
        for part in (division.val, division.test):
            for row in part[~np.isin(values[part], known)].tolist():
                name = self.contents.target.names[int(values[row])]
                self.skipped[row + 1] = f"no training row is of class {name!r}"
            if lost := np.flatnonzero(~np.isin(values[part], known)).size:
                logger.warning(
                    "%s: %d of %d rows to measure on (%.0f %%) are of a class that no training row "
                    "has, so none can be predicted right; they are left out",
                    *(self.name, lost, len(part), 100 * lost / len(part)),
                )
        left = Division(*(part[np.isin(values[part], known)] for part in division))
        check_division(self.name, left)
        return without_classes(self.contents.target, gone), left

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
        check_division(self.name, left)
        return left

    def _store(self) -> Store:
        """The decoded rows, from the cache where they are there."""
        unusable = self.contents.unusable
        if len(unusable) == len(self.table):
            row, why = next(iter(unusable.items()))
            raise UserError(f"{self.name}: no row can be used (first: row {row + 1}: {why})")
        store = open_rows(self.table, self.kinds, set(unusable), self._cache, self._workers)
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
