"""What the columns of a table are: given by a recipe, or read off the cells."""

from __future__ import annotations

import inspect
import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.data.manifest.kinds import KINDS, Kind
from g2d.data.manifest.kinds.tabular import date_of, number_of
from g2d.data.manifest.source import Table
from g2d.errors import UserError

Spec = dict[str, Any]

ENDINGS = {
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    "audio": (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus"),
    "video": (".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".mpg"),
    "array": (".npy",),
}
SPLIT_NAMES = ("split", "part", "fold", "subset", "set")
SPLIT_VALUES = {
    "train": "train",
    "training": "train",
    "val": "val",
    "valid": "val",
    "validation": "val",
    "dev": "val",
    "test": "test",
    "testing": "test",
}
# Most of the cells decide what a column is: a few broken ones are what this is to survive.
_MOST = 0.8
_LOOKED_AT = 5000
# So many numbered columns in a row are the dimensions of one vector.
_BLOCK = 8


def make_kinds(modalities: Mapping[str, Any]) -> dict[str, Kind]:
    """The kinds that a recipe's `modalities` describe.

    Args:
        modalities: By name, `{kind: image, column: photo, ...}`, or `columns` for several, with
            the kind's own options.

    Raises:
        UserError: A kind or option is unknown, or a column is not given.

    Example:
        >>> kinds = make_kinds({"face": {"kind": "image", "column": "photo", "side": 32}})
        >>> kinds["face"].columns, kinds["face"].shape
        (('photo',), (3, 32, 32))
    """
    kinds = {}
    for name, spec in modalities.items():
        where = f"modalities.{name}"
        if not isinstance(spec, Mapping):
            raise UserError(f"{where}: expected a kind and its columns, got {spec!r}")
        options = dict(spec)
        word = options.pop("kind", None)
        if word not in KINDS:
            raise UserError(f"{where}.kind: got {word!r}, expected one of {', '.join(KINDS)}")
        columns = options.pop("columns", None)
        if "column" in options:
            columns = [options.pop("column")]
        if not isinstance(columns, list | tuple) or not columns:
            raise UserError(f"{where}: give a column, or a list of columns")
        known = list(inspect.signature(KINDS[word]).parameters)[1:]
        for option in options:
            if option not in known:
                raise UserError(
                    f"{where}.{option}: no such option of {word}; known: {', '.join(known)}"
                )
        try:
            kinds[name] = KINDS[word]([str(column) for column in columns], **options)
        except (UserError, TypeError) as error:
            raise UserError(f"{where}: {error}") from None
    return kinds


@dataclass(frozen=True)
class Inferred:
    """What a table seems to hold.

    Attributes:
        modalities: As a recipe says them.
        split: The column that says which split a row belongs to, if there is one.
        unused: Columns that are left out, and why.
    """

    modalities: dict[str, Spec]
    split: str | None
    unused: dict[str, str]


def infer(table: Table, target: str, ignore: Sequence[str] = ()) -> Inferred:
    """Reads kinds off endings and values.

    Paths by their ending; numbers, dates and categories together as one modality `tabular`, but
    eight or more numbered columns (`f0`, `f1`, ...) as a vector of their own; sentences as text.

    Args:
        table: The table.
        target: The column to predict.
        ignore: Columns to leave out.

    Raises:
        UserError: The target is no column.

    Example:
        >>> table = Table(
        ...     {"file": ["a.wav", "b.wav"], "age": ["3", "4"], "y": ["0", "1"]}, Path(), "t"
        ... )
        >>> for name, spec in infer(table, "y").modalities.items():
        ...     print(name, spec)
        file {'kind': 'audio', 'column': 'file'}
        tabular {'kind': 'tabular', 'columns': ['age']}
    """
    table.column(target)
    unused = dict.fromkeys(ignore, "ignored")
    split = _split_column(table, {target, *ignore})
    found: dict[str, Spec] = {}
    loose: list[str] = []
    for name in table.columns:
        if name in {target, split} or name in unused:
            continue
        there = [c for c in table.column(name)[:_LOOKED_AT] if c is not None]
        kind, why_not = _kind(there, table.folder)
        if kind == "":
            unused[name] = why_not
        elif kind == "loose":
            loose.append(name)
        else:
            found[name] = {"kind": kind, "column": name}
    blocks, rest = _blocks(loose, table)
    for prefix, columns in blocks.items():
        found[prefix] = {"kind": "features", "columns": columns}
    if rest:
        found["tabular" if "tabular" not in found else "tabular_columns"] = {
            "kind": "tabular",
            "columns": rest,
        }
    return Inferred(found, split, unused)


def _split_column(table: Table, taken: set[str]) -> str | None:
    for name in table.columns:
        if name.lower() in SPLIT_NAMES and name not in taken:
            values = {str(cell).lower() for cell in table.column(name) if cell is not None}
            if values <= set(SPLIT_VALUES) and "train" in {SPLIT_VALUES[v] for v in values}:
                return name
    return None


def _kind(cells: Sequence[str], folder: Path) -> tuple[str, str]:
    """A kind, or `loose` for a column of a table; or nothing, and why not."""
    if not cells:
        return "", "empty"
    for kind, endings in ENDINGS.items():
        paths = [cell for cell in cells if cell.lower().endswith(endings)]
        if len(paths) >= _MOST * len(cells):
            return (_array_kind(paths, folder), "") if kind == "array" else (kind, "")
    distinct = len(set(cells))
    if distinct == 1:
        return "", "the same in every row"
    numbers = sum(not np.isnan(number_of(cell)) for cell in cells)
    if numbers >= _MOST * len(cells):
        counting = [cell for cell in cells if cell.lstrip("-").isdigit()]
        steps = len(cells) > 20 and counting == cells and distinct == len(cells)
        if steps and sorted(map(int, cells)) == list(
            range(min(map(int, cells)), max(map(int, cells)) + 1)
        ):
            return "", "counts the rows"
        return "loose", ""
    if sum(date_of(cell) is not None for cell in cells) >= _MOST * len(cells):
        return "loose", ""
    if sum(cell.startswith("[[") for cell in cells) >= _MOST * len(cells):
        return "sequence", ""
    words = np.median([len(cell.split()) for cell in cells])
    if words >= 3 and distinct > 0.2 * len(cells):
        return "text", ""
    if distinct <= max(2, min(100, 0.5 * len(cells))):
        return "loose", ""
    return "", "different in nearly every row, as a name is"


def _counts(cells: Sequence[str]) -> bool:
    """Whether these are the numbers of the rows."""
    if len(cells) <= 20 or not all(cell.lstrip("-").isdigit() for cell in cells):
        return False
    numbers = sorted(map(int, cells))
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _array_kind(paths: Sequence[str], folder: Path) -> str:
    for path in paths[:20]:
        try:
            return "features" if np.load(folder / path, mmap_mode="r").ndim == 1 else "sequence"
        except (OSError, ValueError, EOFError):
            continue
    return "features"


def _blocks(names: Sequence[str], table: Table) -> tuple[dict[str, list[str]], list[str]]:
    """Numbered columns of numbers by their common beginning; and the other columns."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        numbered = re.fullmatch(r"(.*?)[\W_]*(\d+)", name)
        if numbered:
            groups[numbered[1] or "features"].append(name)
    taken = Counter(groups)
    blocks = {}
    for prefix, columns in groups.items():
        cells = [cell for name in columns for cell in table.column(name)[:200] if cell is not None]
        numbers = sum(not np.isnan(number_of(cell)) for cell in cells)
        if len(columns) >= _BLOCK and numbers >= _MOST * len(cells) and taken[prefix]:
            blocks[prefix] = columns
    inside = {name for columns in blocks.values() for name in columns}
    return blocks, [name for name in names if name not in inside]
