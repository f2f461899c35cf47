"""Files that are written whole or not at all."""

from __future__ import annotations

import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from g2d.errors import UserError

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


def _says_full(error: BaseException | None) -> bool:
    """Whether an error, or what it was raised for, is that of a full disk."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in _FULL:
            return True
        if os.strerror(errno.ENOSPC) in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
