"""A prepared dataset on disk: a folder of `.npy` arrays and a manifest with their checksums.

Files: `manifest.json`, and for every split `<split>-target.npy` and one `<split>-<modality>.npy`
a modality. Arrays are opened as memory maps, so a split costs no more memory than its batches.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d import checksums
from g2d.data.arrays import ArraySplit
from g2d.errors import UserError
from g2d.files import read_json, room_for, temporary_folder, write_whole

FORMAT = 1
# Larger arrays are checked by `g2d data check`, and not at every opening: a second each.
READ_AT_OPENING = 2e9
_MANIFEST = "manifest.json"


@contextmanager
def new_folder(out: str | Path) -> Iterator[Path]:
    """A folder that is written under another name and gets its own when it is complete.

    An interrupted call leaves nothing at `out`.

    Args:
        out: Where the folder is to be; must not exist.

    Yields:
        The folder to write in, beside `out`.

    Raises:
        UserError: `out` exists already, or cannot be made.
    """
    out = Path(out)
    if out.exists():
        raise UserError(f"{out} exists already; remove it, or choose another folder")
    with ExitStack() as stack:
        try:
            out.parent.mkdir(parents=True, exist_ok=True)
            work = stack.enter_context(temporary_folder(out.parent, out.name))
        except OSError as error:
            raise UserError(f"cannot make {out}: {error.strerror}; choose another folder") from None
        stack.enter_context(room_for(out))
        partial = work / out.name
        partial.mkdir()
        yield partial
        try:
            os.replace(partial, out)  # noqa: PTH105 (clearer than Path.replace)
        except OSError as error:
            if error.errno not in {errno.EEXIST, errno.ENOTEMPTY}:
                raise
            raise UserError(f"{out} has come into being meanwhile; choose another") from None


def write_manifest(folder: Path, kind: str, **facts: object) -> None:
    """Describes every array of a folder, and seals it.

    Args:
        folder: Holds the arrays.
        kind: What dataset this is; a store of another kind will be refused.
        facts: What else is worth keeping, as JSON values (options, counts, sources).
    """
    arrays, sums = {}, {}
    for file in sorted(folder.glob("*.npy")):
        array = np.load(file, mmap_mode="r")
        arrays[file.stem] = {
            "shape": list(array.shape),
            "dtype": str(array.dtype),
            "bytes": file.stat().st_size,
            "sha256": checksums.sha256(file),
        }
        sums[file.stem] = checksums.of_file(file)
    manifest = {
        "kind": kind,
        "format": FORMAT,
        "fingerprint": _fingerprint(kind, arrays),
        **facts,
        "arrays": arrays,
        "crc32": sums,
    }
    text = json.dumps(checksums.sealed(manifest), indent=1, ensure_ascii=False)
    write_whole(folder / _MANIFEST, text + "\n")


class Store:
    """A prepared dataset, opened.

    Args:
        folder: Where it is.
        kind: What dataset is expected there.
        hint: How to make it, for the message where it is missing or damaged.

    Attributes:
        manifest: What `write_manifest` was given, and what it found.

    Raises:
        UserError: Nothing is there, it is of another kind or version, or its manifest is damaged.
    """

    def __init__(self, folder: str | Path, kind: str, hint: str) -> None:
        self.folder, self._hint = Path(folder), hint
        file = self.folder / _MANIFEST
        if not file.exists():
            raise UserError(f"{self.folder} is no prepared {kind} (no {_MANIFEST}); {hint}")
        try:
            manifest = read_json(file)
            found, version = manifest["kind"], manifest["format"]
            fingerprint, arrays = manifest["fingerprint"], manifest["arrays"]
        except UserError as error:
            raise UserError(f"{file} is damaged ({error}); {hint}") from None
        if (found, version) != (kind, FORMAT):
            raise UserError(
                f"{self.folder} holds {found!r} in format {version}, expected {kind!r} in format "
                f"{FORMAT}; {hint}"
            )
        if fingerprint != _fingerprint(kind, arrays):
            raise UserError(f"{file} was changed after it was written; {hint}")
        self.manifest: dict[str, Any] = manifest
        self._read: set[str] = set()

    @property
    def fingerprint(self) -> str:
        """Hash of the contents of all arrays."""
        return str(self.manifest["fingerprint"])

    def array(self, name: str) -> NDArray[np.generic]:
        """Opens one array, memory-mapped.

        Raises:
            UserError: It is missing, cut short, damaged, or not of the shape and type in the
                manifest.
        """
        file = self.folder / f"{name}.npy"
        about = self.manifest["arrays"].get(name)
        if about is None:
            raise UserError(f"{self.folder} has no array {name!r}; {self._hint}")
        try:
            array: NDArray[np.generic] = np.load(file, mmap_mode="r")
        except FileNotFoundError:
            raise UserError(f"{file} is missing; {self._hint}") from None
        except (ValueError, OSError, EOFError, SyntaxError, TokenError):  # a header is Python
            raise UserError(
                f"{file} is damaged: got {file.stat().st_size} bytes, expected {about['bytes']}; "
                f"{self._hint}"
            ) from None
        got, expected = (list(array.shape), str(array.dtype)), (about["shape"], about["dtype"])
        if got != expected:
            raise UserError(f"{file} holds {got}, expected {expected}; {self._hint}")
        known = self.manifest.get("crc32", {}).get(name)
        if known is not None and name not in self._read and file.stat().st_size < READ_AT_OPENING:
            if checksums.of_file(file) != known:
                raise UserError(f"{file} is damaged: its checksum differs; {self._hint}")
            self._read.add(name)  # once, also for processes that this store is sent to
        return array

    def ragged(self, name: str) -> RaggedArray:
        """Samples of different shapes under one name, memory-mapped."""
        return RaggedArray(self, name)

    def present(self, name: str) -> NDArray[np.bool_] | None:
        """Which samples have a modality; `None` where all have it."""
        mask = f"{name}-present"
        return np.array(self.array(mask)) if mask in self.manifest["arrays"] else None

    def column(self, name: str) -> NDArray[np.generic]:
        """Reads a column of the samples (`id`, `target`, ...), in memory."""
        return np.array(self.array(f"sample-{name}"))

    def split(self, name: str, modalities: Sequence[str]) -> StoredSplit:
        """Builds a split with the modalities in the order given."""
        return StoredSplit(self, name, tuple(modalities))

    def verify(self) -> None:
        """Reads every byte and compares hashes.

        Raises:
            UserError: An array is not what was written.
        """
        for name, about in self.manifest["arrays"].items():
            self.array(name)
            file = self.folder / f"{name}.npy"
            if checksums.sha256(file) != about["sha256"]:
                raise UserError(f"{file} is damaged: its SHA-256 differs; {self._hint}")


class StoredArray:
    """An array of a store. Sent to another process it is opened there, not copied.

    Args:
        store: Holds it.
        name: What it is called there.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._origin = (store, name)
        # rows of a plain view are faster to come by
        self._array: NDArray[np.generic] = np.asarray(store.array(name))

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, rows: Any) -> NDArray[np.generic]:
        return np.asarray(self._array[rows])

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredArray, self._origin

    def many(self, rows: NDArray[np.integer]) -> list[NDArray[np.generic]]:
        """Reads some rows."""
        return list(np.asarray(self._array[rows]))

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the whole array."""
        return self._array.shape


class RaggedArray:
    """Samples of different shapes, one after the other in one array.

    Args:
        store: Holds `<name>`, `<name>-offsets` and `<name>-shapes`.
        name: What they are called there.

    Attributes:
        shapes: Shape of every sample, `(N, ndim)`.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._origin = (store, name)
        self._values = np.asarray(store.array(name))  # a plain view is cut several times as fast
        self._offsets = np.array(store.array(f"{name}-offsets"))
        self.shapes: NDArray[np.int64] = np.array(store.array(f"{name}-shapes"))

    def __len__(self) -> int:
        return len(self.shapes)

    def __getitem__(self, row: int) -> NDArray[np.generic]:
        values = self._values[self._offsets[row] : self._offsets[row + 1]]
        return np.asarray(values).reshape(self.shapes[row])

    def many(self, rows: NDArray[np.integer]) -> list[NDArray[np.generic]]:
        """Some samples, as one by one and several times as fast."""
        starts, ends = self._offsets[rows].tolist(), self._offsets[rows + 1].tolist()
        flat = [self._values[start:end] for start, end in zip(starts, ends, strict=True)]
        if self.shapes.shape[1] == 1:
            return flat
        shapes = self.shapes[rows].tolist()
        return [values.reshape(shape) for values, shape in zip(flat, shapes, strict=True)]

    def __reduce__(self) -> tuple[Any, ...]:
        return RaggedArray, self._origin


class StoredSplit(ArraySplit):
    """A split of a store. Sent to another process it is opened there, not copied."""

    def __init__(self, store: Store, name: str, modalities: tuple[str, ...]) -> None:
        super().__init__(
            {modality: store.array(f"{name}-{modality}") for modality in modalities},
            store.array(f"{name}-target"),
        )
        self._origin = (store, name, modalities)

    def only(self, modality: str) -> StoredSplit:
        """This split with one modality."""
        one = StoredSplit(*self._origin[:2], (modality,))
        one.weights, one.groups = self.weights, self.groups
        return one

    def __reduce__(self) -> tuple[Any, ...]:
        return StoredSplit, self._origin


def _fingerprint(kind: str, arrays: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps([kind, FORMAT, arrays], sort_keys=True).encode()).hexdigest()
