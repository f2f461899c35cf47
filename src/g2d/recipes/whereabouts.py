"""What decides the data of a recipe, wherever they lie and however their path is typed."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from g2d import checksums
from g2d.errors import UserError
from g2d.files import read_json

# Options of where data lie or how fast they are read, and not of what they are.
_PLACES = ("root", "table", "folder", "cache", "workers")


def wherever(data: Any) -> Any:
    """The data of a recipe without where they lie.

    Example:
        >>> wherever({"name": "avmnist", "root": "stores/avmnist", "noise": 2})
        {'name': 'avmnist', 'noise': 2}
        >>> wherever("avdigits")
        'avdigits'
    """
    if not isinstance(data, Mapping):
        return data
    return {key: value for key, value in data.items() if key not in _PLACES}


def data_identity(data: Any) -> Any:
    """The data of a recipe, identified by their contents: the same under any path.

    A prepared store is identified by its fingerprint, a table by the checksum of its file; original
    files that were never prepared, and what is not there, by their whole path.

    Args:
        data: A recipe's `data`.

    Returns:
        Plain values.
    """
    if not isinstance(data, Mapping):
        return data
    found = {key: _content(str(data[key])) for key in ("root", "table") if data.get(key)}
    if data.get("folder"):
        found["folder"] = str(Path(str(data["folder"])).resolve())
    return {**wherever(data), **found}


def _content(place: str) -> str:
    path = Path(place)
    manifest = path / "manifest.json" if path.is_dir() else path
    try:
        return _known(manifest, manifest.stat().st_mtime_ns, manifest.stat().st_size)
    except (OSError, UserError):
        return str(path.resolve())


@lru_cache(256)
def _known(file: Path, changed: int, size: int) -> str:
    """Read once as long as the file is as it was."""
    if file.name == "manifest.json":
        found = read_json(file)
        return str(found.get("fingerprint") or checksums.of_file(file))
    return checksums.of_file(file)
