"""One process at a time in a run folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from g2d.errors import UserError
from g2d.ranks import first_process


@contextmanager
def alone_in(folder: Path) -> Iterator[None]:
    """Keeps a second command out of a run folder while it is written.

    The first process of a run takes the lock for all of its processes. A lock ends with its
    process, so that a killed run can be resumed.

    Raises:
        UserError: Another process has it.
    """
    if not first_process():
        yield
        return
    locks = folder.parent / ".locks"
    locks.mkdir(parents=True, exist_ok=True)
    lock = FileLock(locks / f"folder-{folder.name}", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        raise UserError(
            f"another process is writing {folder}; wait until it has ended, or give another --name "
            "or --out"
        ) from None
    try:
        yield
    finally:
        lock.release()
