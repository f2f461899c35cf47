"""Files that are written whole or not at all, and read with their damage named."""

from __future__ import annotations

import errno
import json
import os
import secrets
import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from g2d.errors import UserError

_COPY_ANEW = "copy the folder anew, or make it again"
_FULL = {errno.ENOSPC, errno.EDQUOT}


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A name for nobody else to write to, which takes the place of the file when all is there.

    What is written is on the disk before it takes the file's place, so that neither a killed
    process nor a power cut leaves half of it. Of several writers the last one wins.

    Args:
        path: The file; its folder is made where there is none.

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
    temporary = path.with_name(f"{path.name}.{os.getpid()}-{secrets.token_hex(4)}.tmp")
    try:
        yield temporary
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except Exception as error:  # PyTorch and safetensors have errors of their own
        if not _says_full(error):
            raise
        free = shutil.disk_usage(path.parent).free / 1e6
        raise UserError(
            f"{path} cannot be written: the disk is full ({free:.0f} MB free); make room and run "
            "the same command again"
        ) from error
    finally:
        temporary.unlink(missing_ok=True)


def write_whole(path: Path, text: str) -> None:
    """Writes a text file so that nobody ever sees half of it."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


class _LackingKeyError(UserError, KeyError):
    """For whoever asks a mapping for a key that need not be there, templates among them."""

    __str__ = UserError.__str__  # that of KeyError is the key in quotation marks


class Record(dict[str, Any]):
    """What a JSON file holds; asked for what it lacks, it names the file.

    Args:
        path: The file.
        content: What it holds.
    """

    def __init__(self, path: Path, content: Mapping[str, Any]) -> None:
        super().__init__(content)
        self.path = path

    def __missing__(self, key: str) -> Any:
        raise _LackingKeyError(f"{self.path} lacks {key!r}; {_COPY_ANEW}")


def read_json(path: Path) -> Record:
    """A JSON file of a run, of a grid or of what lies beside them.

    Raises:
        UserError: It is not there, is cut short or damaged, or holds no keys and values.
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
    return Record(path, content)


def _says_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised for, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
