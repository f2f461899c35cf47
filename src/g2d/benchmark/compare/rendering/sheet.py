"""What every rendering of a table shows: texts in places, and footnotes by number."""

from __future__ import annotations

from dataclasses import dataclass, field

from g2d.benchmark.compare.metrics import METRICS
from g2d.benchmark.compare.table import Column, Number, Table

PAPER = "paper †"  # what it means stands in the notes


@dataclass(frozen=True)
class Entry:
    """An entry of a table.

    Attributes:
        value: The number, or a word where there is none.
        spread: Its deviation over seeds, or nothing.
        best: `"*"` the best of its column beyond chance, `"~"` the best by chance, or nothing.
        marks: Numbers of footnotes.
    """

    value: str
    spread: str = ""
    best: str = ""
    marks: tuple[int, ...] = ()


@dataclass(frozen=True)
class Strip:
    """A column of a table, with the paper's beside it where it has numbers.

    Attributes:
        label: Of the column, with the unit.
        column: What it holds.
        entries: One a row.
        paper: The paper's, one a row; empty where it has none.
    """

    label: str
    column: Column
    entries: tuple[Entry, ...]
    paper: tuple[Entry, ...]


@dataclass(frozen=True)
class Sheet:
    """A table laid out for rendering.

    Attributes:
        axes: Names of the label columns.
        labels: Of every row.
        strips: The columns.
        footnotes: By number, from 1.
    """

    axes: tuple[str, ...]
    labels: tuple[tuple[str, ...], ...]
    strips: tuple[Strip, ...]
    footnotes: tuple[str, ...]


@dataclass
class _Footnotes:
    numbers: dict[str, int] = field(default_factory=dict)

    def of(self, marks: tuple[str, ...]) -> tuple[int, ...]:
        return tuple(self.numbers.setdefault(mark, len(self.numbers) + 1) for mark in marks)


def lay_out(table: Table) -> Sheet:
    """Texts for all places of a table."""
    notes = _Footnotes()
    strips = []
    for place, column in enumerate(table.columns):
        best = {row: "*" if b.beyond_chance else "~" for b in table.best[place] for row in b.rows}
        numbers = [row.numbers[place] for row in table.rows]
        entries = tuple(
            _entry(number, column, best.get(row, ""), notes) for row, number in enumerate(numbers)
        )
        beside = any(number and number.paper is not None for number in numbers)
        paper = tuple(_paper(number, notes) for number in numbers) if beside else ()
        label = f"{column.label} ({column.unit})" if column.unit else column.label
        strips.append(Strip(label, column, entries, paper))
    return Sheet(
        axes=table.axes,
        labels=tuple(row.labels for row in table.rows),
        strips=tuple(strips),
        footnotes=tuple(notes.numbers),
    )


def _entry(number: Number | None, column: Column, best: str, notes: _Footnotes) -> Entry:
    if number is None:
        return Entry("")
    marks = notes.of(number.marks)
    if number.mean is None:
        failed = any(mark.startswith("failed") for mark in number.marks)
        return Entry("failed" if failed else "-", marks=marks)
    text = METRICS[column.metric].text
    return Entry(text(number.mean), "" if number.std is None else text(number.std), best, marks)


def _paper(number: Number | None, notes: _Footnotes) -> Entry:
    if number is None or number.paper is None:
        return Entry("")
    return Entry(f"{number.paper:.2f}", marks=notes.of(number.paper_marks))
