"""A table as the page shows it: text, links, footnotes, and which number may be called best."""

from __future__ import annotations

import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from g2d.benchmark.compare.metrics import METRICS
from g2d.benchmark.compare.table import Best, Column, Number, Table
from g2d.benchmark.report.groups import Group
from g2d.benchmark.report.wording import NOTHING
from g2d.wording import listed


@dataclass(frozen=True)
class Shown:
    """An entry of a table as the page shows it.

    Attributes:
        key: Sorts it; empty where nothing is finished.
        value: The mean.
        spread: The standard deviation, if any.
        details: Seeds, interval and difference from the paper, in words.
        anchor: Of its runs, if any.
        notes: Letters of its footnotes.
        paper: The paper's number, if any.
        paper_notes: Letters of its footnotes.
        best: `"beyond"` chance or `"by"` chance the best of its column, or nothing.
    """

    key: str
    value: str
    spread: str
    details: str
    anchor: str
    notes: tuple[str, ...]
    paper: str
    paper_notes: tuple[str, ...]
    best: str


@dataclass(frozen=True)
class ShownTable:
    """A table, ready for the template.

    Attributes:
        table: What it shows.
        heads: Datasets in order, and over how many columns each stands.
        below: Heading of every column, below its dataset: what is read, and the metric where
            there are several.
        rows: Labels and numbers.
        footnotes: Letter and text.
        width: Characters that the widest deviation takes; 0 where there is none.
        has_paper: Whether any number of the paper stands beside.
    """

    table: Table
    heads: tuple[tuple[str, int], ...]
    below: tuple[tuple[str, str], ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Shown | None, ...]], ...]
    footnotes: tuple[tuple[str, str], ...]
    width: int
    has_paper: bool


def show_table(table: Table, groups: Mapping[str, Group]) -> ShownTable:
    """Makes a table ready for the page.

    Args:
        table: As `read_table` gives it.
        groups: The group of every run, to link to.
    """
    letters: dict[str, str] = {}
    best = [{row: one for one in column for row in one.rows} for column in table.best]
    rows = tuple(
        (
            row.labels,
            tuple(
                None
                if number is None
                else _shown(number, column, groups, letters, first.get(place))
                for number, column, first in zip(row.numbers, table.columns, best, strict=True)
            ),
        )
        for place, row in enumerate(table.rows)
    )
    numbers = [number for row in table.rows for number in row.numbers if number is not None]
    return ShownTable(
        table=table,
        heads=tuple(
            (dataset, len(list(columns)))
            for dataset, columns in groupby(table.columns, key=lambda column: column.dataset)
        ),
        below=tuple(_heading(column, table.columns) for column in table.columns),
        rows=rows,
        footnotes=tuple((letter, text) for text, letter in letters.items()),
        # A point and two spaces are narrower than a digit.
        width=max(
            (len(s.spread) + 2 for _, line in rows for s in line if s and s.spread), default=0
        ),
        has_paper=any(number.paper is not None for number in numbers),
    )


def _shown(
    number: Number,
    column: Column,
    groups: Mapping[str, Group],
    letters: dict[str, str],
    best: Best | None,
) -> Shown:
    text = METRICS[column.metric].text
    failed = any(mark.startswith("failed") for mark in number.marks)
    nothing = "failed" if failed else NOTHING
    return Shown(
        key="" if number.mean is None else repr(number.mean),
        value=nothing if number.mean is None else text(number.mean),
        spread="" if number.std is None else text(number.std),
        details=_words(number, column, best),
        anchor=next((groups[run].anchor for run in number.runs if run in groups), ""),
        notes=tuple(_letter(letters, mark) for mark in number.marks),
        paper="" if number.paper is None else f"{number.paper:.2f}",
        paper_notes=tuple(_letter(letters, mark) for mark in number.paper_marks),
        best="" if best is None else "beyond" if best.beyond_chance else "by",
    )


def _words(number: Number, column: Column, best: Best | None) -> str:
    text = METRICS[column.metric].text
    unit = f" {column.unit}" if column.unit else ""
    if number.mean is None:
        return "Nothing is finished."
    sentence = "One seed"
    if number.n > 1:
        sentence = f"Mean of {number.n} seeds: {listed([text(v) for v in number.values], 10)}"
    if number.low is not None and number.high is not None:
        sentence += f"; 95 % interval {text(number.low)} to {text(number.high)}{unit}"
        sentence += " over test samples alone" if number.n == 1 else ""
    if number.paper is not None:
        gap = text(number.mean - number.paper)
        sentence += f"; {gap if gap.startswith('-') else f'+{gap}'} from the paper's"
    if best is not None:
        sentence += f"; best of the column, {'' if best.beyond_chance else 'not '}beyond chance"
    return f"{sentence}."


def _letter(letters: dict[str, str], mark: str) -> str:
    """The footnote of a mark; the same words are one footnote."""
    if mark not in letters:
        count, alphabet = len(letters), string.ascii_lowercase
        letters[mark] = alphabet[count % 26] * (1 + count // 26)
    return letters[mark]


def _heading(column: Column, columns: Sequence[Column]) -> tuple[str, str]:
    """What differs between the columns of a dataset: what is read, and the metric."""
    if len({other.metric for other in columns}) == 1:
        return column.read, ""
    label = METRICS[column.metric].label
    return column.read, f"{label}{f' in {column.unit}' if column.unit else ''}"


def what(table: Table) -> str:
    """The metrics and units of a table's numbers, in words."""
    metrics = dict.fromkeys((c.metric, c.unit, c.higher_is_better) for c in table.columns)
    named = [
        METRICS[metric].label
        + (f" in {unit}" if unit else "")
        + ("" if higher else " (lower is better)")
        for metric, unit, higher in metrics
    ]
    sentence = f"{listed(named, 6)} on test" if named else "Nothing is finished"
    return sentence[:1].upper() + sentence[1:]
