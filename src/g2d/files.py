"""Writes files atomically, and names damaged files when they are read."""

from __future__ import annotations

import errno
import hashlib
import json
import math
import os
import platform
import re
import secrets
import shutil
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from g2d.checksums import sealed, unsealed
from g2d.errors import UserError

try:
    import fcntl
except ImportError:  # Windows, where dead processes are not known, and nothing is removed
    _LOCKS = False
else:
    _LOCKS = True

_COPY_ANEW = "copy the folder anew, or make it again"
_FULL = {errno.ENOSPC, errno.EDQUOT}
# Other machines that share a folder have locks of their own: their files are let alone.
_HOST = hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()
_TEMPORARY = re.compile(rf"\.g2d-{_HOST}-[0-9a-f]{{12}}\.tmp$")
# Held in a temporary folder for as long as its writer lives; a temporary file is held itself.
_HELD = ".held"


@contextmanager
def atomic(path: Path, size: int = 0) -> Iterator[Path]:
    """Gives a temporary file, which replaces the file when it is complete.

    What is written is on the disk before it takes the file's place, so that neither a killed
    process nor a power cut leaves half of it. Of several writers the last one wins. What killed
    writers left in the folder is removed.

    Args:
        path: The file; its folder is made where there is none.
        size: About how many bytes it will have, where that is known.

    Raises:
        UserError: The disk is full; the file is as it was.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with atomic(Path(folder) / "a.txt") as temporary:
        ...         _ = temporary.write_text("whole")
        ...     [file.name for file in Path(folder).iterdir()]
        ['a.txt']
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    remove_leftovers(path.parent)
    temporary = path.with_name(f"{path.name}.{_token()}.tmp")
    try:
        with room_for(path, size), _held(temporary):
            yield temporary
            with temporary.open("rb") as file:
                os.fsync(file.fileno())
            temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


@contextmanager
def temporary_folder(parent: Path, name: str) -> Iterator[Path]:
    """A hidden folder to work in, removed at the end, or by the next writer after a kill.

    Args:
        parent: Where to make it.
        name: What is worked on.
    """
    remove_leftovers(parent)
    folder = parent / f".{name}.{_token()}.tmp"
    begun = folder.with_suffix(".new")
    begun.mkdir(mode=0o700)
    try:
        with _held(begun / _HELD):
            begun.rename(folder)
            yield folder
    finally:
        shutil.rmtree(begun, ignore_errors=True)
        shutil.rmtree(folder, ignore_errors=True)


def _token() -> str:
    """A unique part of a temporary file's name: its maker, its machine, and chance."""
    return f"g2d-{_HOST}-{secrets.token_hex(6)}"


def remove_leftovers(folder: Path) -> None:
    """Removes the temporary files and folders of writers that are dead."""
    if not _LOCKS:
        return
    found: list[Path] = []
    with suppress(OSError):  # a folder that may be written to and not be listed
        found = list(folder.iterdir())
    for left in found:
        if _TEMPORARY.search(left.name):
            held = left / _HELD if left.is_dir() else left
            with suppress(OSError), held.open("rb+") as file:  # its writer lives, or has just ended
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(left) if left.is_dir() else left.unlink()


@contextmanager
def room_for(path: Path, size: int = 0) -> Iterator[None]:
    """Names the file that cannot be written where the disk is full, or will be.

    Args:
        path: The file.
        size: About how many bytes are needed, where that is known.

    Raises:
        UserError: There is less space, or none is left while it is written.
    """
    if size and shutil.disk_usage(path.parent).free < size:
        raise _full(path, size)
    try:
        yield
    except Exception as error:  # PyTorch and safetensors have errors of their own
        if not says_full(error):
            raise
        raise _full(path, size) from error


def new_array(
    path: Path, dtype: np.dtype[Any], shape: tuple[int, ...]
) -> np.memmap[Any, np.dtype[Any]]:
    """A new `.npy` file of zeros, mapped into memory to be written.

    All of its space is taken at once: a map that finds the disk full kills the process.

    Raises:
        UserError: There is not enough space.
    """
    with room_for(path, math.prod(shape) * dtype.itemsize):
        array = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
        if hasattr(os, "posix_fallocate"):
            with path.open("rb+") as file:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return array


def _full(path: Path, size: int) -> UserError:
    free = shutil.disk_usage(path.parent).free / 1e6
    needed = f"{size / 1e6:.1f} MB needed, " if size else ""
    return UserError(
        f"{path} cannot be written: the disk is full ({needed}{free:.1f} MB free); free some "
        "space and run the same command again"
    )


@contextmanager
def _held(path: Path) -> Iterator[None]:
    """Makes a file and keeps a lock on it, which ends with the process."""
    if not _LOCKS:
        yield
        return
    begun = path.with_suffix(".new")  # a file without a lock would be taken for a leftover
    with begun.open("xb") as file:
        with suppress(OSError):  # a file system without locks
            fcntl.flock(file, fcntl.LOCK_EX)
        begun.rename(path)
        yield


def check_out(out: Path, inputs: Iterable[str | Path]) -> None:
    """Refuses a file to write that is a folder, or one of those that a command reads.

    Raises:
        UserError: It is; a link to such a file is such a file.
    """
    if out.is_dir():
        raise UserError(f"{out} is a folder; give a file to write (--out)")
    if any(same_file(out, one) for one in inputs):
        raise UserError(f"{out} is read by this command; give another file to write (--out)")


def same_file(one: str | Path, other: str | Path) -> bool:
    """Whether two paths are the same file, also through links."""
    one, other = Path(one), Path(other)
    if one.exists() and other.exists():
        return one.samefile(other)
    return one.resolve() == other.resolve()


def write_whole(path: Path, text: str) -> None:
    """Writes a text file atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


class _LackingKeyError(UserError, KeyError):
    """A key that the file lacks; a `KeyError` too, for callers that expect one, as templates."""

    __str__ = UserError.__str__  # that of KeyError is the key in quotation marks


class Record(dict[str, Any]):
    """The content of a JSON file; an error for a lacking key names the file.

    Args:
        path: The file.
        content: What it holds.
    """

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        lacks = f"lacks {key!r}" if self.path.exists() else "is not there"
        raise _LackingKeyError(f"{self.path} {lacks}; {_COPY_ANEW}")


def read_json(path: Path) -> Record:
    """A JSON file of a run, of a grid or of what lies beside them.

    Raises:
        UserError: It is not there, is cut short or damaged, holds no keys and values, or is not as
            it was written.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path} is not there; {_COPY_ANEW}") from None
    except (ValueError, RecursionError) as error:  # no UTF-8, or no JSON
        reason = " ".join(str(error).split())
        raise UserError(f"{path} is cut short or damaged ({reason}); {_COPY_ANEW}") from None
    if not isinstance(content, dict):
        raise UserError(f"{path} holds no keys and values; {_COPY_ANEW}")
    return Record(path, unsealed(content, path))


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Writes a JSON file in one piece, with its checksum."""
    write_whole(path, json.dumps(sealed(content), indent=2) + "\n")


def says_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised for, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
