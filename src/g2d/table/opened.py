"""What the splits of a table are made of, kept so that the next run need not read the table."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.checksums import sha256
from g2d.data.policies import Division
from g2d.data.prepared import PreparedSplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.data.store import Store, StoredArray, new_folder, write_manifest
from g2d.errors import require
from g2d.table.columns.asked import Asked
from g2d.table.columns.targets import Target
from g2d.table.preprocessing import Preprocessing
from g2d.table.rows.reader import KindReader

logger = logging.getLogger(__name__)

KIND = "opened table"
_HINT = "delete it; it is made again from the table"
# Shorter tables are read as fast.
WORTH_KEEPING = 1000

Warned = list[tuple[str, str]]


@dataclass(frozen=True)
class Opened:
    """A table, decoded, divided and fitted; arrays are by row of what was decoded.

    Attributes:
        name: Of the data.
        protocol: How rows were divided.
        exchangeable: See `DatasetSpec`.
        fingerprint: Of all that decides what the splits hold.
        preprocessing: Fitted on the training rows.
        target: What is to be predicted.
        division: The rows of the three splits.
        readers: One a modality.
        missing: Which rows have a modality, of those that some lack.
        weights: How often rows are drawn to train on.
        groups: Numbers of what rows belong to.
        skipped: Rows that are left out, by number from 1, and why.
        absent: What could not be used of rows that are used: row, modality, reason.
    """

    name: str
    protocol: str
    exchangeable: bool
    fingerprint: str
    preprocessing: Preprocessing
    target: Target
    division: Division
    readers: Mapping[str, KindReader]
    missing: Mapping[str, NDArray[np.bool_]]
    weights: NDArray[np.float64] | None
    groups: NDArray[np.int64] | None
    skipped: dict[int, str]
    absent: list[tuple[int, str, str]]

    def splits(self, asked: Asked) -> Splits:
        """Builds the splits of the dataset.

        Raises:
            UserError: The targets do not fit the task.
        """
        about = (self.readers, self.target.values, self.missing)
        parts = [PreparedSplit(rows, *about, weights=self.weights) for rows in self.division]
        if self.groups is not None:
            groups = torch.from_numpy(self.groups)
            for part, own in zip(parts, self.division, strict=True):
                part.groups = groups[own]
        kinds = self.preprocessing.kinds
        spec = DatasetSpec(
            name=self.name,
            task=asked.task(self.target, parts[0].target),
            shapes=self.preprocessing.shapes,
            protocol=self.protocol,
            fingerprint=self.fingerprint,
            notes={
                "skipped": {str(row): self.skipped[row] for row in sorted(self.skipped)},
                "absent": [list(entry) for entry in self.absent],
            },
            preprocessing=self.preprocessing.as_dict(),
            encoders={name: kind.suggested for name, kind in kinds.items()},
            exchangeable=self.exchangeable,
            short_vectors={name: kind.short_vector for name, kind in kinds.items()},
        )
        return Splits(spec, *parts)

    def keep(self, folder: Path, warned: Warned) -> None:
        """Writes all of it, for `opened_before`, where that is worth it.

        Args:
            folder: A new one.
            warned: The warnings of reading the table.
        """
        finished = all(reader.finished is not None for reader in self.readers.values())
        if len(self.target.values) < WORTH_KEEPING or not finished:
            return
        arrays: dict[str, Any] = {"target": self.target.values, **self.division._asdict()}
        arrays |= {"weights": self.weights, "groups": self.groups}
        arrays |= {f"present-{name}": mask for name, mask in self.missing.items()}
        arrays |= {f"input-{name}": reader.finished for name, reader in self.readers.items()}
        try:
            self._write(folder, arrays, warned)
        except OSError as error:  # a cache that cannot be written: the table is read again
            logger.info("%s is not kept: %s", self.name, error)

    def _write(self, folder: Path, arrays: Mapping[str, Any], warned: Warned) -> None:
        locking = require("filelock", "train")
        with locking.FileLock(folder.parent / f".{folder.name}.lock"):
            if folder.exists():
                return
            with new_folder(folder) as work:
                for name, array in arrays.items():
                    if array is not None:
                        np.save(work / f"{name}.npy", array)
                write_manifest(
                    work,
                    KIND,
                    about={
                        "name": self.name,
                        "protocol": self.protocol,
                        "exchangeable": self.exchangeable,
                        "fingerprint": self.fingerprint,
                    },
                    preprocessing=self.preprocessing.as_dict(),
                    target=[self.target.task, list(self.target.names)],
                    skipped=list(self.skipped.items()),
                    absent=self.absent,
                    said=warned,
                )


def opened_before(folder: Path) -> tuple[Opened, Warned] | None:
    """Reads what `Opened.keep` wrote; `None` where there is nothing.

    Raises:
        UserError: It is damaged.
    """
    if not folder.exists():
        return None
    store = Store(folder, KIND, _HINT)
    held, manifest = store.manifest["arrays"], store.manifest

    def array(name: str) -> Any:
        return np.array(store.array(name)) if name in held else None

    preprocessing = Preprocessing.from_dict(manifest["preprocessing"])
    readers = {
        name: KindReader(kind, finished=StoredArray(store, f"input-{name}"))
        for name, kind in preprocessing.kinds.items()
    }
    masks = {name: array(f"present-{name}") for name in preprocessing.kinds}
    task, names = manifest["target"]
    opened = Opened(
        **manifest["about"],
        preprocessing=preprocessing,
        target=Target(task, tuple(names), array("target"), {}),
        division=Division(*(array(part) for part in Division._fields)),
        readers=readers,
        missing={name: mask for name, mask in masks.items() if mask is not None},
        weights=array("weights"),
        groups=array("groups"),
        skipped=dict(manifest["skipped"]),
        absent=[(row, name, why) for row, name, why in manifest["absent"]],
    )
    return opened, [(name, text) for name, text in manifest["said"]]


def key_of(table: Path, asked: Asked, given: Mapping[str, Any]) -> str:
    """A hash of all that decides what is made of a table: contents, options, and this code."""
    about = [str(table.resolve()), sha256(table), asdict(asked), given, _code(), _readers()]
    return hashlib.sha256(json.dumps(about, default=repr).encode()).hexdigest()[:16]


@cache
def _code() -> str:
    digest = hashlib.sha256()
    for package in ("table", "data"):
        for file in sorted(Path(__file__).parents[1].joinpath(package).rglob("*.py")):
            digest.update(file.read_bytes())
    return digest.hexdigest()


@cache
def _readers() -> list[str]:
    """The versions of what reads cells and keeps arrays; one that is not installed is left out."""
    found = []
    for name in ("numpy", "pandas", "pyarrow"):
        with suppress(PackageNotFoundError):
            found.append(f"{name} {version(name)}")
    return found


@contextmanager
def recorded_warnings(warned: Warned) -> Iterator[None]:
    """Collects the warnings within it: the logger and the message of each."""

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            warned.append((record.name, record.getMessage()))

    logger, listener = logging.getLogger("g2d"), Listener(logging.WARNING)
    logger.addHandler(listener)
    try:
        yield
    finally:
        logger.removeHandler(listener)
