"""A table as a dataset."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from g2d.data.cache import cache_folder
from g2d.data.manifest.division import SplitBy, divide
from g2d.data.manifest.kinds import Kind
from g2d.data.manifest.kinds.base import Array
from g2d.data.manifest.preprocessing import Preprocessing
from g2d.data.manifest.reader import KindReader
from g2d.data.manifest.schema import infer, make_kinds
from g2d.data.manifest.source import Cell, read_table
from g2d.data.manifest.targets import Target, TaskName, read_target
from g2d.data.policies import Division
from g2d.data.preparation import Sample, UnusableError, assemble
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import RaggedArray, Store, StoredArray
from g2d.errors import UserError
from g2d.tasks import Classification, MultiLabel, Regression, Task

if TYPE_CHECKING:
    import pandas

logger = logging.getLogger(__name__)

KIND = "table"
_MEND = "delete it; it is made again from the table"


@dataclass(frozen=True)
class RowSample(Sample):
    """A row on its way into a store."""

    cells: Mapping[str, Cell] = field(default_factory=dict)

    def state(self) -> list[object]:
        """The files' states, and the cells."""
        return [*super().state(), dict(self.cells)]


@dataclass(frozen=True)
class DecodeRow:
    """Decodes every modality of a row; one that cannot be used is absent, and says why."""

    kinds: dict[str, Kind]
    folder: Path

    def __call__(self, sample: Sample) -> dict[str, Array | UserError | None]:
        """The arrays by modality."""
        assert isinstance(sample, RowSample)
        found: dict[str, Array | UserError | None] = {}
        for name, kind in self.kinds.items():
            try:
                found[name] = kind.decode(sample.cells, self.folder)
            except UserError as error:
                found[name] = error
        if not any(isinstance(array, np.ndarray) for array in found.values()):
            reasons = [str(error) for error in found.values() if error is not None]
            raise UnusableError("; ".join(reasons) or "every modality is empty")
        return found


class TableData:
    """Rows of a table: files, text and numbers, and what is to be predicted from them.

    A cell that is empty is a missing modality, and so is one that cannot be used, which is
    reported. Rows without a target, or without any modality, are left out. Files are decoded
    once, into a store in the cache.

    Args:
        table: CSV, TSV, Parquet or JSON Lines; in Python also a pandas DataFrame.
        target: The column to predict.
        modalities: By name, `{kind: image, column: photo}`, and the options of the kind; read off
            the table when not given.
        task: `classification`, `multilabel` (labels of a row separated by `|`), `regression`, or
            `auto`.
        split: How rows are divided: `{column: ...}`, `{group: ...}`, `{time: ...}`, shares `val`
            and `test`, `seed`; a column called `split` is followed when nothing is said.
        folder: What relative paths are relative to; the table's own folder when not given.
        cache: Where decoded files are kept.
        workers: Processes that decode files; with more than 0, a script of your own has to keep
            its work below `if __name__ == "__main__":`.

    Attributes:
        skipped: Rows that are left out, by number from 1, and why.
        absent: Modalities that could not be used: row, modality, reason.

    Raises:
        UserError: The table cannot be read, a column is not there, or nothing can be predicted.
    """

    def __init__(
        self,
        table: str | Path | pandas.DataFrame,
        target: str,
        modalities: Mapping[str, Any] | None = None,
        task: TaskName = "auto",
        split: Mapping[str, Any] | None = None,
        folder: str | Path | None = None,
        cache: str | Path | None = None,
        workers: int = 0,
    ) -> None:
        self.table = read_table(table, folder)
        self.target = read_target(self.table.column(target), target, task)
        inferred = infer(self.table, target)
        self.kinds = make_kinds(modalities or inferred.modalities)
        if split is None and inferred.split is not None:
            split = {"column": inferred.split}
        self.split = SplitBy.of(split)
        for name, kind in self.kinds.items():
            for column in kind.columns:
                if column == target:
                    raise UserError(f"modalities.{name}: {column!r} is the target; leave it out")
                self.table.column(column)
        self.target_name, self.workers = target, workers
        self.cache = cache_folder(cache) / "tables"
        self.skipped: dict[int, str] = {}
        self.absent: list[tuple[int, str, str]] = []

    def splits(self) -> Splits:
        """Decodes what has to be decoded, divides, fits on train."""
        store = self._store()
        rows = store.column("id").astype(np.int64)  # of the table, by row of the store
        place = {row: position for position, row in enumerate(rows.tolist())}
        usable = np.zeros(len(self.table), bool)
        usable[rows] = True
        division = divide(self.table, self.target, self.split, usable)
        by_store = Division(*(np.array([place[r] for r in part]) for part in division))
        present = {name: self._present(store, name) for name in self.kinds}
        decoded = {name: _array(store, name, kind) for name, kind in self.kinds.items()}
        for name, kind in self.kinds.items():
            train = by_store.train[present[name][by_store.train]]
            if len(train) == 0:
                raise UserError(f"modalities.{name}: no training row has it; {self._first(name)}")
            _fit(kind, decoded[name], train)
            self._refuse(name, kind, decoded[name], present[name], rows)
        readers = {n: KindReader(k, decoded[n], present[n]) for n, k in self.kinds.items()}
        missing = {name: mask for name, mask in present.items() if not mask.all()}
        target = self.target.values[rows]
        parts = [PreparedSplit(part, readers, target, missing) for part in by_store]
        preprocessing = Preprocessing(self.kinds, self.target_name)
        spec = DatasetSpec(
            name=Path(self.table.name).stem.replace(" ", "_") or KIND,
            task=_task(self.target, parts[0]),
            shapes=preprocessing.shapes,
            protocol=self.split.name,
            fingerprint=self._fingerprint(store, division, preprocessing),
            notes={
                "skipped": {str(row): why for row, why in self.skipped.items()},
                "absent": [list(entry) for entry in self.absent],
            },
            preprocessing=preprocessing.as_dict(),
            encoders={name: kind.suggested for name, kind in self.kinds.items()},
        )
        return Splits(spec, *parts)

    def _samples(self) -> list[Sample]:
        found: list[Sample] = []
        for row in range(len(self.table)):
            if row in self.target.unusable:
                self.skipped[row + 1] = self.target.unusable[row]
                continue
            cells = {
                column: self.table.columns[column][row]
                for kind in self.kinds.values()
                for column in kind.columns
            }
            files = {
                f"{name}": self.table.folder / cell
                for name, kind in self.kinds.items()
                if len(kind.columns) == 1
                and kind.name not in {"text", "tabular"}
                and (cell := cells[kind.columns[0]]) is not None
                and len(cell) < 1024
            }
            found.append(RowSample(f"{row:09}", 0, files, cells=cells))
        if not found:
            first = next(iter(self.target.unusable.values()))
            raise UserError(f"{self.table.name}: no row can be used (first: {first})")
        return found

    def _store(self) -> Store:
        """The decoded rows, from the cache where they are there."""
        samples = self._samples()
        kinds = {n: [k.name, list(k.columns), k.options] for n, k in self.kinds.items()}
        state = json.dumps([kinds, str(self.table.folder), [s.state() for s in samples]])
        folder = self.cache / hashlib.sha256(state.encode()).hexdigest()[:16]
        if not folder.exists():
            assemble(
                folder,
                KIND,
                samples,
                DecodeRow(self.kinds, self.table.folder),
                ragged=[name for name, kind in self.kinds.items() if kind.ragged],
                options={"kinds": kinds},
                tolerance=1.0,
                workers=self.workers,
                chunk=128,
            )
        store = Store(folder, KIND, _MEND)
        for id, why in _read(folder / "skipped.csv"):
            self.skipped[int(id) + 1] = why
        self.absent = [(int(i) + 1, name, why) for i, name, why in _read(folder / "absent.csv")]
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
        """What does not fit what was fitted is absent."""
        if not kind.ragged:
            return
        for place in np.flatnonzero(present).tolist():
            why_not = kind.refuses(decoded[place])
            if why_not:
                present[place] = False
                self.absent.append((int(rows[place]) + 1, name, why_not))

    def _fingerprint(self, store: Store, division: Division, preprocessing: Preprocessing) -> str:
        digest = hashlib.sha256(store.fingerprint.encode())
        digest.update(json.dumps(preprocessing.as_dict(), sort_keys=True).encode())
        for part in (*division, self.target.values):
            digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()


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
    import csv

    if file.exists():
        with file.open(newline="", encoding="utf-8") as stream:
            yield from list(csv.reader(stream))[1:]
