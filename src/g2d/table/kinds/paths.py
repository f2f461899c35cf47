"""Cells that name files."""

from __future__ import annotations

import os
from pathlib import Path

from g2d.errors import UserError


def path_in(cell: str, folder: Path) -> Path:
    """The file that a cell names.

    Raises:
        UserError: There is none, or it lies outside the table's folder.

    Example:
        >>> path_in("../secret.wav", Path("data"))
        Traceback (most recent call last):
        ...
        g2d.errors.UserError: '../secret.wav' lies outside data; copy it there
    """
    shown = repr(cell if len(cell) <= 80 else f"{cell[:77]}...")
    if "://" in cell[:16]:
        raise UserError(f"{shown} is an address of the web; download it and give its path")
    if not _may_name(cell):
        raise UserError(f"{shown} is no path")
    path = _place(cell, folder)
    # An absolute path was written by someone who means it; a relative one must stay below, but
    # may pass through links, which the owner of the folder has set.
    relative = os.path.relpath(os.path.normpath(path), os.path.normpath(folder))
    if not Path(cell).is_absolute() and Path(relative).parts[:1] == (os.pardir,):
        raise UserError(f"{shown} lies outside {folder}; copy it there")
    try:
        there, size = path.is_file(), path.stat().st_size
    except OSError:
        there = False
    if not there:
        raise UserError(f"there is no file {shown} in {folder}")
    if size == 0:
        raise UserError(f"{shown} is empty (0 bytes)")
    return path


def named(cell: str, folder: Path) -> list[Path]:
    """The file of a cell that should hold a path, there or not; nothing where it cannot be one."""
    return [_place(cell, folder)] if _may_name(cell) else []


def _may_name(cell: str) -> bool:
    """Whether a system can be asked for a file of that name."""
    return len(cell) < 1024 and "\0" not in cell


def _place(cell: str, folder: Path) -> Path:
    path = folder / cell
    if os.sep == "/" and "\\" in cell and not _is_there(path):
        return folder / cell.replace("\\", "/")  # written on Windows
    return path


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False
