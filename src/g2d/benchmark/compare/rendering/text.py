"""A table for the terminal, folded into blocks that are narrow enough."""

from __future__ import annotations

from dataclasses import dataclass, replace

from g2d.benchmark.compare.rendering.sheet import PAPER, Entry, Sheet, Strip

_RAISED = str.maketrans("0123456789,", "⁰¹²³⁴⁵⁶⁷⁸⁹ ")
_GAP = 3  # what stands between two columns


@dataclass(frozen=True)
class Block:
    """Some columns of a table, all rows.

    Attributes:
        columns: Headings.
        rows: Texts.
    """

    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def blocks(sheet: Sheet, width: int) -> list[Block]:
    """The table in as few blocks as fit a width, each with the labels of the rows.

    A column and the paper's beside it stay together, and so do the columns of a dataset where they
    fit.

    Args:
        sheet: The table.
        width: Of the terminal, in characters.
    """
    left = sum(_widest([axis, *(row[i] for row in sheet.labels)]) for i, axis in _axes(sheet))
    found: list[list[Strip]] = []
    used = 0
    for group in _by_dataset(sheet):
        together = sum(map(_width, group))
        if found and used + together > width and left + together <= width:
            found.append([])
            used = left
        for strip in group:
            if not found or (found[-1] and used + _width(strip) > width):
                found.append([])
                used = left
            found[-1].append(strip)
            used += _width(strip)
    return [_block(sheet, strips) for strips in found]


def entry_text(entry: Entry) -> str:
    """An entry in one line.

    Example:
        >>> entry_text(Entry("70.3", "0.4", "*", (1, 2))), entry_text(Entry("-"))
        ('70.3 ± 0.4* ¹ ²', '-')
    """
    spread = f" ± {entry.spread}" if entry.spread else ""
    return f"{entry.value}{spread}{entry.best}" + "".join(f" {raised(m)}" for m in entry.marks)


def raised(number: int) -> str:
    """The number of a footnote in raised digits.

    Example:
        >>> raised(12)
        '¹²'
    """
    return str(number).translate(_RAISED)


def _axes(sheet: Sheet) -> list[tuple[int, str]]:
    return list(enumerate(sheet.axes))


def _by_dataset(sheet: Sheet) -> list[list[Strip]]:
    groups: dict[str, list[Strip]] = {}
    for strip in sheet.strips:
        groups.setdefault(strip.column.dataset, []).append(strip)
    return list(groups.values())


def _widest(texts: list[str]) -> int:
    return max(map(len, texts)) + _GAP


def _width(strip: Strip) -> int:
    """Headings fold between words."""
    width = _widest([*strip.label.split(), *map(entry_text, strip.entries)])
    return width + (_widest([PAPER, *map(entry_text, strip.paper)]) if strip.paper else 0)


def _append(rows: list[list[str]], entries: tuple[Entry, ...]) -> None:
    """Numbers end below each other, whatever marks they carry."""
    texts = [entry_text(entry) for entry in entries]
    tails = [len(text) - len(_bare(entry)) for text, entry in zip(texts, entries, strict=True)]
    for row, text, tail in zip(rows, texts, tails, strict=True):
        row.append(text + " " * (max(tails) - tail))


def _bare(entry: Entry) -> str:
    return entry_text(replace(entry, best="", marks=()))


def _block(sheet: Sheet, strips: list[Strip]) -> Block:
    columns = list(sheet.axes)
    rows = [list(labels) for labels in sheet.labels]
    for strip in strips:
        columns.append(strip.label)
        _append(rows, strip.entries)
        if strip.paper:
            columns.append(PAPER)
            _append(rows, strip.paper)
    return Block(tuple(columns), tuple(tuple(row) for row in rows))
