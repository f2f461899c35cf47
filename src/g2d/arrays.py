"""Arrays in one `.npz` file: written whole or not at all, read without pickles, damage named."""

from __future__ import annotations

import io
import os
import zlib
from collections.abc import Collection, Mapping
from pathlib import Path
from tokenize import TokenError
from typing import BinaryIO
from zipfile import BadZipFile, ZipFile

import numpy as np
from numpy.typing import ArrayLike, NDArray

from g2d.errors import UserError
from g2d.files import atomic

# What zip and NumPy say of a file that is damaged or another; a flipped bit can also ask for a
# password, or for a compression that there is not (RuntimeError), and an array's header is Python.
_DAMAGED = (
    *(OSError, EOFError, ValueError, RuntimeError, BadZipFile, zlib.error),
    *(SyntaxError, TokenError),
)
# The last record of an archive without a comment, as NumPy writes it, and where it counts files.
_END, _COUNT = 22, slice(10, 12)


def write_npz(path: Path, arrays: Mapping[str, ArrayLike], *, compressed: bool = True) -> None:
    """Writes arrays in one piece.

    Args:
        path: The file.
        arrays: By name; none of them holds objects.
        compressed: Whether they are compressed, which takes longer.
    """
    save = np.savez_compressed if compressed else np.savez
    with atomic(path) as temporary, temporary.open("wb") as stream:
        save(stream, allow_pickle=False, **{name: np.asarray(one) for name, one in arrays.items()})


def read_npz(
    path: Path, way_out: str, wanted: Collection[str] | None = None
) -> dict[str, NDArray[np.generic]]:
    """Reads arrays; the checksum of each is compared before it is looked at.

    Args:
        path: The file.
        way_out: What helps where it is damaged, for the error.
        wanted: Names of the arrays to read; all when not given. Those that are not there are left
            out.

    Raises:
        FileNotFoundError: It is not there.
        UserError: It is cut short or damaged, lacks an array that was written, or holds objects.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder) / "logits.npz"
        ...     write_npz(file, {"val": [0.5, 1.5], "test": [2.5]})
        ...     read_npz(file, "make it again", ["test"])
        {'test': array([2.5])}
    """
    try:
        with path.open("rb") as stream, ZipFile(stream) as archive:
            files = archive.namelist()
            if len(files) != (count := _count(stream)):
                raise BadZipFile(f"{len(files)} of {count} arrays are listed")
            names = {file.removesuffix(".npy"): file for file in files}
            return {
                name: np.lib.format.read_array(io.BytesIO(archive.read(file)), allow_pickle=False)
                for name, file in names.items()
                if wanted is None or name in wanted
            }
    except (FileNotFoundError, PermissionError):
        raise
    except _DAMAGED as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise UserError(f"{path} is cut short or damaged ({reason}); {way_out}") from None


def _count(stream: BinaryIO) -> int:
    """How many files the last record of an archive says it has.

    The list of files before it has no checksum, and `ZipFile` ends at the first entry that it
    cannot find: what lies behind a damaged one would be lost unseen.
    """
    stream.seek(-_END, os.SEEK_END)
    return int.from_bytes(stream.read(_END)[_COUNT], "little")
