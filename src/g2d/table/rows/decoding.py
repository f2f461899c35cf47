"""Rows of a table decoded into a store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from g2d.data.preparation.assemble import assemble
from g2d.data.preparation.sample import Sample, UnusableError
from g2d.data.store import Store
from g2d.errors import UserError, require
from g2d.table.kinds.base import Array, Kind
from g2d.table.reading.cells import Cell
from g2d.table.reading.source import Table

KIND = "table"
_HINT = "delete it; it is made again from the table"
_VERSION = 3  # raise it whenever the same cells and files are decoded otherwise


@dataclass(frozen=True)
class RowSample(Sample):
    """A row on its way into a store."""

    cells: Mapping[str, Cell] = field(default_factory=dict)

    def state(self) -> list[object]:
        """The files' states, and the cells."""
        return [*super().state(), dict(self.cells)]


@dataclass(frozen=True)
class DecodeRow:
    """Decodes every modality of a row; one that cannot be used is absent, with its reason."""

    kinds: dict[str, Kind]
    folder: Path

    def __call__(self, sample: Sample) -> dict[str, Array | UserError | None]:
        """Decodes a row into arrays by modality."""
        assert isinstance(sample, RowSample)
        found: dict[str, Array | UserError | None] = {}
        for name, kind in self.kinds.items():
            try:
                found[name] = kind.decode(sample.cells, self.folder)
            except UserError as error:
                found[name] = error
        if not any(isinstance(array, np.ndarray) for array in found.values()):
            reasons = [f"{n}: {error}" for n, error in found.items() if error is not None]
            raise UnusableError("; ".join(reasons) or "every modality is empty")
        return found


def open_rows(
    table: Table, kinds: dict[str, Kind], without: Collection[int], cache: Path, workers: int
) -> Store:
    """The decoded rows of a table, from the cache where they are there.

    Args:
        table: The table.
        kinds: Its modalities.
        without: Rows, from 0, that are left out.
        cache: Folder of such stores.
        workers: Processes that decode.

    Returns:
        A store whose samples are called by their rows' numbers, from 1.

    Raises:
        UserError: No row can be used, or the cache cannot be written.
    """
    about = {n: [k.name, list(k.columns), k.options] for n, k in kinds.items()}
    options = {"kinds": about, "version": _VERSION}
    digest = hashlib.sha256(json.dumps([options, str(table.folder.resolve())]).encode())
    columns = list(dict.fromkeys(c for kind in kinds.values() for c in kind.columns))
    for column in columns:
        digest.update(json.dumps(table.columns[column]).encode())
    digest.update(json.dumps(sorted(without)).encode())
    if of_files := {name: kind for name, kind in kinds.items() if kind.names_files}:
        for sample in _samples(table, of_files, without):
            digest.update(json.dumps(sample.state()).encode())
    folder = cache / digest.hexdigest()[:16]
    if folder.exists():
        return Store(folder, KIND, _HINT)
    locking = require("filelock", "train")
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot make {cache}: {error.strerror}; choose another cache") from None
    # of several processes that want it, one makes it, and the others wait
    with locking.FileLock(cache / f".{folder.name}.lock"):
        if not folder.exists():
            assemble(
                folder,
                KIND,
                _samples(table, kinds, without),
                DecodeRow(kinds, table.folder),
                ragged=[name for name, kind in kinds.items() if kind.ragged],
                options=options,
                tolerance=1.0,
                workers=workers,
                chunk=128,
            )
    return Store(folder, KIND, _HINT)


def _samples(table: Table, kinds: Mapping[str, Kind], without: Collection[int]) -> list[Sample]:
    found: list[Sample] = []
    columns = list(dict.fromkeys(c for kind in kinds.values() for c in kind.columns))
    for row in range(len(table)):
        if row in without:
            continue
        cells = {column: table.columns[column][row] for column in columns}
        files = {
            name: path for name, kind in kinds.items() for path in kind.files(cells, table.folder)
        }
        found.append(RowSample(f"{row + 1:09}", 0, files, cells=cells))
    return found
