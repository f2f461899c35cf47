"""Where what can be made again is kept."""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from g2d.files import temporary_folder

# Tables that were read, what their splits are made of, and digits that were put together.
_MADE = re.compile(r"(opened-|avdigits-)?[0-9a-f]{16}")


@dataclass(frozen=True)
class Kept:
    """A folder that g2d has written into the cache.

    Attributes:
        path: Where it is.
        size: In bytes.
        made: When it was written last, in seconds since 1970.
    """

    path: Path
    size: int
    made: float


def cache_folder(folder: str | Path | None = None) -> Path:
    """The cache: the folder given, else `$G2D_CACHE`, else the user's own for programs like this.

    Example:
        >>> cache_folder("here").name
        'here'
    """
    if folder is not None:
        return Path(folder)
    if chosen := os.environ.get("G2D_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        parent = os.environ.get("LOCALAPPDATA") or "~/AppData/Local"
    elif sys.platform == "darwin":
        parent = "~/Library/Caches"
    else:
        parent = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(parent).expanduser() / "g2d"


def kept_in(cache: Path) -> list[Kept]:
    """The folders that g2d has written into the cache, the largest first; no other files.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     one = Path(folder) / "tables" / "0123456789abcdef"
        ...     one.mkdir(parents=True)
        ...     _ = (one / "rows.npy").write_bytes(b"1234")
        ...     _ = (Path(folder) / "letter.txt").write_text("not ours")
        ...     [(kept.path.name, kept.size) for kept in kept_in(Path(folder))]
        [('0123456789abcdef', 4)]
    """
    found = []
    for path in (*cache.glob("*"), *cache.glob("tables/*")):
        if path.is_dir() and not path.is_symlink() and _MADE.fullmatch(path.name):
            files = [file.stat() for file in path.rglob("*") if file.is_file()]
            made = max([file.st_mtime for file in files], default=path.stat().st_mtime)
            found.append(Kept(path, sum(file.st_size for file in files), made))
    return sorted(found, key=lambda kept: (-kept.size, kept.path))


def forget(kept: Kept) -> None:
    """Removes it atomically. It is made again when it is needed."""
    with temporary_folder(kept.path.parent, kept.path.name) as away:
        kept.path.rename(away / kept.path.name)
