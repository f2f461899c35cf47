"""Where what can be made again is kept."""

from __future__ import annotations

import os
import sys
from pathlib import Path


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
