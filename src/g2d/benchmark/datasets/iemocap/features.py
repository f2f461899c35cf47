"""Features of the turns, as others computed them: HDF5 or npz."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation import Decode, Sample, UnusableError, readable
from g2d.errors import UserError, check_choice, require

# The files of MMIN (Zhao, Li and Jin, ACL 2021) and the width of what is in them
MMIN = {
    "audio": ("A/comparE.h5", 130),
    "visual": ("V/denseface.h5", 342),
    "text": ("L/bert_large.h5", 1024),
}
_ORDER = ("audio", "video", "visual", "text")


@dataclass(frozen=True)
class Features:
    """The files of the features.

    Attributes:
        widths: Of a step, by modality, in the declared order.
        decode: Reads those of a turn.
        folder: Of a file for each turn.
        files: One a modality.
        by_turn: The files of each turn, where they are none of the two above.
        options: What else they depend on, for the store to name.
    """

    widths: Mapping[str, int]
    decode: Decode
    folder: Path | None = None
    files: Mapping[str, Path] | None = None
    by_turn: Mapping[str, Mapping[str, Path]] | None = None
    options: Mapping[str, str | int] = field(default_factory=dict)

    def sources(self, turn: str) -> Mapping[str, Path]:
        """The files that a turn is made of."""
        if self.folder is not None:
            return {"features": self.folder / f"{turn}.npz"}
        if self.by_turn is not None:
            return self.by_turn[turn]
        return self.files or {}


def open_features(root: str | Path, kind: str) -> Features:
    """Looks what is in a folder of features.

    Args:
        root: The folder.
        kind: `mmin`, or `precomputed`: a file `<modality>.h5` for each modality, with a dataset
            for every turn; or a file `<turn>.npz` for every turn, with an array for each modality.

    Raises:
        UserError: There is nothing of that kind.
    """
    check_choice("features", kind, ("mmin", "precomputed", "release"))
    root = Path(root)
    if kind == "mmin":
        files = {name: root / file for name, (file, _) in MMIN.items()}
        widths = {name: width for name, (_, width) in MMIN.items()}
        return Features(widths, _FromH5(files, widths), files=files)
    found = {file.stem: file for file in sorted(root.glob("*.h5"))}
    if found:
        files = {name: found[name] for name in _ordered(found)}
        widths = {name: _width_of(file) for name, file in files.items()}
        return Features(widths, _FromH5(files, widths), files=files)
    for file in sorted(root.glob("*.npz")):
        try:
            first = _read_npz(file)
            widths = {name: _steps(first[name], name).shape[1] for name in _ordered(first)}
            return Features(widths, _FromNpz(widths), folder=root)
        except UnusableError:
            continue  # the next may be whole
    raise UserError(f"{root} holds no features; expected <modality>.h5 or <turn>.npz files")


def _ordered(names: Mapping[str, object]) -> list[str]:
    """Those with a usual name in their usual order, then the others."""
    return sorted(names, key=lambda n: (_ORDER.index(n) if n in _ORDER else len(_ORDER), n))


@dataclass(frozen=True)
class _FromH5:
    files: Mapping[str, Path]
    widths: Mapping[str, int]

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic]]:
        return {
            name: _steps(_read_h5(file, sample.id), name, self.widths[name])
            for name, file in self.files.items()
        }


@dataclass(frozen=True)
class _FromNpz:
    widths: Mapping[str, int]

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic]]:
        file = sample.sources["features"]
        content = _read_npz(file)
        lacking = [name for name in self.widths if name not in content]
        if lacking:
            raise UnusableError(f"{file.name} has no {lacking[0]}")
        return {name: _steps(content[name], name, width) for name, width in self.widths.items()}


def _read_h5(file: Path, turn: str) -> NDArray[np.generic]:
    h5py = require("h5py", "datasets")
    readable(file)
    try:
        with h5py.File(file, "r") as content:
            held = content.get(turn)
            if held is None:
                raise UnusableError(f"{file.name} does not have it")
            if not isinstance(held, h5py.Dataset):
                raise UnusableError(f"{file.name} holds a group for it, expected a dataset")
            return np.asarray(held[()])
    except (OSError, RuntimeError, KeyError) as error:
        why = " ".join(str(error).split())[:80]
        raise UnusableError(f"{file.name} is no HDF5 file, or damaged ({why})") from None


def _width_of(file: Path) -> int:
    """Of the first turn that has steps."""
    h5py = require("h5py", "datasets")
    try:
        readable(file)
        with h5py.File(file, "r") as content:
            for held in content.values():
                if isinstance(held, h5py.Dataset) and held.ndim and held.size:
                    return int(held.shape[-1])
    except UnusableError as error:
        raise UserError(f"{file.parent}: {error}") from None
    except (OSError, RuntimeError):
        raise UserError(f"{file} is no HDF5 file, or damaged; obtain it again") from None
    raise UserError(f"{file} holds no arrays; expected a dataset for every turn")


def _read_npz(file: Path) -> dict[str, NDArray[np.generic]]:
    readable(file)
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as content:
            return {name: content[name] for name in content.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError):
        raise UnusableError(f"{file.name} is no npz file of numbers, or damaged") from None


def _steps(values: NDArray[np.generic], name: str, width: int | None = None) -> NDArray[np.float32]:
    """Features step by step, `(T, d)`; those of a whole turn, `(d,)`, are one step."""
    if values.dtype.kind not in "fiu":
        raise UnusableError(f"{name} holds {values.dtype}, expected numbers")
    array = values[None] if values.ndim == 1 else values
    if array.ndim != 2 or array.size == 0 or array.shape[1] != (width or array.shape[1]):
        expected = "features" if width is None else width
        raise UnusableError(f"{name} has shape {values.shape}, expected (steps, {expected})")
    with np.errstate(over="ignore"):
        return array.astype(np.float32)
