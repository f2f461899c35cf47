"""A table as the page shows it: text, links, footnotes, and which number may be called best."""

from __future__ import annotations

import string
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from g2d.compare.table import Column, Number, Row, Table
from g2d.report.groups import Group
from g2d.report.wording import NOTHING, counted, listed


@dataclass(frozen=True)
class Shown:
    """One place of a table.

    Attributes:
        key: Sorts it; empty where nothing is finished.
        value: The mean.
        spread: The standard deviation, if any.
        says: Seeds, interval and difference from the paper, in words.
        anchor: Of its runs, if any.
        notes: Letters of its footnotes.
        paper: The paper's number, if any.
        paper_notes: Letters of its footnotes.
        best: Whether it is the best of its column beyond chance.
    """

    key: str
    value: str
    spread: str
    says: str
    anchor: str
    notes: tuple[str, ...]
    paper: str
    paper_notes: tuple[str, ...]
    best: bool


@dataclass(frozen=True)
class ShownTable:
    """A table, ready for the template.

    Attributes:
        table: What it shows.
        heads: Datasets in order, and over how many columns each stands.
        below: Heading of every column, below its dataset.
        rows: Labels and numbers.
        footnotes: Letter and text.
        has_paper: Whether any number of the paper stands beside.
        judged: Whether any column has a number that is best beyond chance.
    """

    table: Table
    heads: tuple[tuple[str, int], ...]
    below: tuple[str, ...]
    rows: tuple[tuple[tuple[str, ...], tuple[Shown | None, ...]], ...]
    footnotes: tuple[tuple[str, str], ...]
    has_paper: bool
    judged: bool


def show_table(table: Table, groups: Mapping[str, Group]) -> ShownTable:
    """Makes a table ready for the page.

    Args:
        table: As `read_table` gives it.
        groups: The group of every run, to link to.
    """
    letters: dict[str, str] = {}
    best = [best_row(table.rows, i, column) for i, column in enumerate(table.columns)]
    rows = tuple(
        (
            row.labels,
            tuple(
                number and _shown(number, column, groups, letters, winner == place)
                for number, column, winner in zip(row.numbers, table.columns, best, strict=True)
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
        has_paper=any(number.paper is not None for number in numbers),
        judged=any(winner is not None for winner in best),
    )


def best_row(rows: Sequence[Row], column: int, about: Column) -> int | None:
    """The row whose number is best beyond chance, if there is one.

    It has several seeds, and its interval lies apart from those of all other rows. A number that
    something is to be known of, such as another protocol, is not called best; where such a number
    may be the better one, none is.

    Args:
        rows: Of the table.
        column: Which of its columns.
        about: Says which of two numbers wins.
    """
    sign = 1 if about.higher_is_better else -1
    there = [
        (place, number)
        for place, row in enumerate(rows)
        if (number := row.numbers[column]) is not None and number.mean is not None
    ]
    if len(there) < 2:
        return None
    place, best = max(there, key=lambda pair: sign * _mean(pair[1]))
    if best.n < 2 or best.marks or best.low is None or best.high is None:
        return None
    edge = best.low if sign > 0 else best.high
    for other, number in there:
        reach = number.high if sign > 0 else number.low
        if other != place and (reach is None or sign * reach >= sign * edge):
            return None
    return place


def digits(column: Column) -> int:
    """How many stand behind the point."""
    return 2 if column.unit == "%" else 3


def _mean(number: Number) -> float:
    assert number.mean is not None
    return number.mean


def _shown(
    number: Number,
    column: Column,
    groups: Mapping[str, Group],
    letters: dict[str, str],
    best: bool,
) -> Shown:
    places = digits(column)

    def text(value: float) -> str:
        return f"{value:.{places}f}"

    return Shown(
        key="" if number.mean is None else repr(number.mean),
        value=NOTHING if number.mean is None else text(number.mean),
        spread="" if number.std is None else text(number.std),
        says=_words(number, column, text),
        anchor=next((groups[run].anchor for run in number.runs if run in groups), ""),
        notes=tuple(_letter(letters, mark) for mark in number.marks),
        paper="" if number.paper is None else text(number.paper),
        paper_notes=tuple(_letter(letters, mark) for mark in number.paper_marks),
        best=best,
    )


def _words(number: Number, column: Column, text: Callable[[float], str]) -> str:
    unit = f" {column.unit}" if column.unit else ""
    if number.mean is None:
        said = "Nothing is finished"
    elif number.n == 1:
        said = "One seed"
    else:
        said = f"Mean of {number.n} seeds: {listed([text(v) for v in number.values], most=10)}"
    if number.low is not None and number.high is not None:
        said += f"; 95 % interval {text(number.low)} to {text(number.high)}{unit}"
        said += " (over test samples alone)" if number.n == 1 else ""
    if number.mean is not None and number.paper is not None:
        said += f"; {number.mean - number.paper:+.{digits(column)}f} from the paper's"
    return f"{said}."


def _letter(letters: dict[str, str], mark: str) -> str:
    """The footnote of a mark; the same words are one footnote."""
    if mark not in letters:
        count, alphabet = len(letters), string.ascii_lowercase
        letters[mark] = alphabet[count % 26] * (1 + count // 26)
    return letters[mark]


def _heading(column: Column, columns: Sequence[Column]) -> str:
    """What differs between the columns of a dataset."""
    metrics = {other.metric for other in columns}
    words = [column.read]
    if len(metrics) > 1:
        words.append(column.metric)
    if len(metrics) > 1 and column.unit:
        words[-1] += f", {column.unit}"
    return " ".join(words)


def caption(table: Table) -> str:
    """What the numbers of a table are."""
    metrics = list(dict.fromkeys((c.metric, c.unit, c.higher_is_better) for c in table.columns))
    named = [
        f"{metric}{f' in {unit}' if unit else ''} ({'higher' if higher else 'lower'} is better)"
        for metric, unit, higher in metrics
    ]
    counts = {n.n for row in table.rows for n in row.numbers if n is not None and n.n}
    seeds = ""
    if counts == {1}:
        seeds = ", one seed"
    elif counts:
        span = str(max(counts)) if len(counts) == 1 else f"{min(counts)} to {max(counts)}"
        seeds = f", mean ± standard deviation over {span} seeds"
    return f"{counted(len(table.rows), 'row')}; test {listed(named)}{seeds}."
