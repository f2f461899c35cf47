"""What the columns of a table are: given by a recipe, or read off the cells."""

from __future__ import annotations

import inspect
import math
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from g2d.errors import UserError
from g2d.models.names import free_name
from g2d.table.columns.named_files import several_files, unread_files
from g2d.table.columns.parts import parts_of_rows
from g2d.table.columns.vectors import array_kind, vectors_in
from g2d.table.kinds import KINDS, Kind
from g2d.table.kinds.tabular import MOST
from g2d.table.kinds.text import count_words
from g2d.table.reading.cells import is_object, number_of
from g2d.table.reading.dates import order_of
from g2d.table.reading.numbers import several_units
from g2d.table.reading.source import Table
from g2d.table.reading.unread_dates import unread_dates

Spec = dict[str, Any]

ENDINGS = {
    "image": (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"),
    "audio": (".wav", ".flac", ".ogg", ".mp3", ".aif", ".aiff", ".opus", ".m4a", ".aac"),
    "video": (".mp4", ".avi", ".mov", ".mkv", ".webm", ".flv", ".mpg"),
    "array": (".npy",),
    "sequence": (".csv", ".tsv"),
}
# Cells from which the kind of a column is found.
_LOOKED_AT = 5000
# From here on, different numbers in each row are no coincidence.
_MANY = 20
# So many different values are a category that is kept whole, times of day among them.
_FEW = 32
# Columns of ids of rows, people or places, by their names.
_IDENTIFIER = re.compile(r"(.*[\W_])?(id|ids|uuid|guid)|index|idx|row|rowid|nr|no|.*[a-z](Id|ID)")
# Numbers that are names of places and people.
_CODE = re.compile(r"(.*[\W_])?(zip|zip[\W_]?code|plz|post(al)?[\W_]?code|phone|tel|telephone|fax)")
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
        if not isinstance(name, str) or re.search(
            r"[/\\]|^sample-|-(present|offsets|shapes)$", name
        ):
            raise UserError(f"{where}: files are named after it, and cannot be; rename it")
        if not isinstance(spec, Mapping):
            raise UserError(f"{where}: expected a kind and its columns, got {spec!r}")
        options = dict(spec)
        word = options.pop("kind", None)
        if not isinstance(word, str) or word not in KINDS:
            raise UserError(f"{where}.kind: got {word!r}, expected one of {', '.join(KINDS)}")
        columns = options.pop("columns", None)
        if isinstance(columns, str):
            columns = [columns]
        if "column" in options:
            columns = [*(columns or []), options.pop("column")]
        if not isinstance(columns, list | tuple) or not columns or None in columns:
            raise UserError(f"{where}: give a column, or a list of columns")
        known = list(inspect.signature(KINDS[word]).parameters)[1:]
        for option in options:
            if option not in known:
                raise UserError(
                    f"{where}.{option}: no such option of {word}; known: {', '.join(known)}"
                )
        try:
            kinds[name] = KINDS[word]([str(column) for column in columns], **options)
            kinds[name].check()
        except (ValueError, TypeError) as error:
            raise UserError(f"{where}: {error}") from None
    return kinds


@dataclass(frozen=True)
class Inferred:
    """The modalities and the split that were inferred from a table.

    Attributes:
        modalities: As a recipe has them.
        split: The column of each row's split, if there is one.
        unused: Columns that are left out, and why.
    """

    modalities: dict[str, Spec]
    split: str | None
    unused: dict[str, str]


def infer(table: Table, target: str, ignore: Sequence[str] = ()) -> Inferred:
    """Reads kinds off endings and values.

    Paths by their ending; numbers, dates and categories together as one modality `tabular`, but
    eight or more numbered columns (`f0`, `f1`, ...) as a vector of their own; sentences as text.

    A column of which rows train and which test divides them; what else looks so is left out
    (`parts_of_rows`). Columns of ids of rows or people (`id`, `user_id`, numbers of rows) are
    left out: a model would learn them by heart; with few values they are categories. So are those
    that are the same everywhere, and names. Modalities are called after their columns, in letters,
    digits and `_`.

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
    split, unused = parts_of_rows(table, {target, *ignore})
    unused |= dict.fromkeys(ignore, "ignored")
    found: dict[str, Spec] = {}
    loose: list[str] = []
    for name in table.columns:
        if name in {target, split} or name in unused:
            continue
        there = [c for c in table.column(name)[:_LOOKED_AT] if c is not None]
        # where a column begins late, what there is decides
        there = there or [c for c in table.column(name) if c is not None][:_LOOKED_AT]
        kind, why_not = _kind(name, there, table.folder)
        if kind == "":
            unused[name] = why_not
        elif kind == "loose":
            loose.append(name)
        else:
            found[free_name(name, found)] = {"kind": kind, "column": name}
    blocks, rest = _blocks([name for name in loose if name not in table.categories], table)
    rest = [name for name in loose if name in {*rest, *table.categories}]
    for prefix, columns in blocks.items():
        found[free_name(prefix, found)] = {"kind": "features", "columns": columns}
    if rest:
        spec: Spec = {"kind": "tabular", "columns": rest}
        names = [n for n in rest if n in table.categories or _is_name(n, table.column(n))]
        if names:
            spec["types"] = dict.fromkeys(names, "category")
        found[free_name("tabular", found)] = spec
    return Inferred(found, split, unused)


def _kind(name: str, cells: Sequence[str], folder: Path) -> tuple[str, str]:
    """A kind, or `loose` for a column of a table; or nothing, and why not."""
    if not cells:
        return "", "empty"
    enough = MOST * len(cells)
    if why := several_files(cells, [end for endings in ENDINGS.values() for end in endings]):
        return "", why
    for kind, endings in ENDINGS.items():
        paths = [cell for cell in cells if cell.lower().endswith(endings)]
        if len(paths) >= enough:
            return (array_kind(paths, folder), "") if kind == "array" else (kind, "")
    distinct = len(set(cells))
    if distinct == 1:
        return "", "the same in every row"
    if re.fullmatch(r"Unnamed: \d+", name):
        return "", "has no name, as numbers of rows have none"
    if _identifies(name):
        if distinct > min(100, 0.2 * len(cells)):
            return "", "holds ids, by its name; name it in modalities to use it"
        return "loose", ""
    if sum(not math.isnan(number_of(cell)) for cell in cells) >= enough:
        return ("", "counts the rows") if _counts(cells) else ("loose", "")
    if order_of(cells).count >= enough:
        return "loose", ""
    if why := unread_files(cells):
        return "", why
    if sum(is_object(cell) for cell in cells[:_LOOKED_AT]) >= MOST * len(cells[:_LOOKED_AT]):
        return "", "JSON objects; give each of their keys a column of its own"
    repeated = distinct <= 0.5 * len(cells)
    if not (repeated and distinct <= _FEW) and (why := unread_dates(cells, enough)):
        return "", why
    kind, why = vectors_in(cells, _BLOCK)
    if kind or (why and not repeated):
        return kind, why
    sentences = median(count_words(cell) for cell in cells) >= 3
    if sentences and (distinct > 100 or not repeated):
        return "text", ""
    if repeated or distinct <= 2:
        return "loose", ""
    if units := several_units(cells):
        return "", f"numbers in several units ({units}); write them in one to use it"
    return "", "different in nearly every row, as a name is; name it in modalities to use it"


def _identifies(name: str) -> bool:
    return any(_IDENTIFIER.fullmatch(spelt) for spelt in (name, name.lower()))


def _is_name(name: str, cells: Sequence[str | None]) -> bool:
    """Whether numbers are ids, such as that of a shop."""
    return _identifies(name) or _is_code(name, cells)


def _is_code(name: str, cells: Sequence[str | None]) -> bool:
    """Whether digits are a name: postal codes, and whatever is filled up with zeros in front."""
    there = [cell for cell in cells[:_LOOKED_AT] if cell is not None]
    if not there or not all(cell.isdecimal() for cell in there):
        return False
    padded = len({len(cell) for cell in there}) == 1 and len(there[0]) > 1
    return bool(_CODE.fullmatch(name.lower())) or (padded and any(c[0] == "0" for c in there))


def _counts(cells: Sequence[str]) -> bool:
    """Whether these are the numbers of the rows."""
    if len(cells) <= _MANY or not all(re.fullmatch(r"\d{1,15}", cell) for cell in cells):
        return False
    numbers = sorted(map(int, cells))
    return numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def _blocks(names: Sequence[str], table: Table) -> tuple[dict[str, list[str]], list[str]]:
    """Numbered columns of numbers by their common beginning; and the other columns."""
    groups: dict[str, list[str]] = defaultdict(list)
    for name in names:
        numbered = re.fullmatch(r"(.*?)[\W_]*(\d+)", name)
        if numbered and _numeric(table.column(name)):
            groups[numbered[1] or "features"].append(name)
    blocks = {prefix: columns for prefix, columns in groups.items() if len(columns) >= _BLOCK}
    inside = {name for columns in blocks.values() for name in columns}
    return blocks, [name for name in names if name not in inside]


def _numeric(cells: Sequence[str | None]) -> bool:
    there = [cell for cell in cells[:_LOOKED_AT] if cell is not None]
    return sum(not math.isnan(number_of(cell)) for cell in there) >= MOST * len(there)
