"""A table as Markdown."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from g2d.benchmark.compare.metrics import METRICS
from g2d.benchmark.compare.rendering.sheet import PAPER, Entry, lay_out
from g2d.benchmark.compare.rendering.words import (
    MEANING,
    difference,
    named,
    probability,
    ranked,
    span,
    tested,
)
from g2d.benchmark.compare.table import Number, Table


def markdown(table: Table) -> str:
    """The whole table: numbers, footnotes, tests, intervals, notes.

    The best of a column stands in bold where it is best beyond chance.
    """
    sheet = lay_out(table)
    head = list(sheet.axes)
    rows = [[_escaped(label) for label in labels] for labels in sheet.labels]
    for strip in sheet.strips:
        head.append(strip.label)
        for row, entry in zip(rows, strip.entries, strict=True):
            row.append(_entry(entry))
        if strip.paper:
            head.append(PAPER)
            for row, entry in zip(rows, strip.paper, strict=True):
                row.append(_entry(entry))
    parts = [f"# {_escaped(table.title)}"]
    parts += [_escaped(table.about)] if table.about else []
    parts.append(_grid(head, rows, len(sheet.axes)))
    if sheet.footnotes:
        numbered = enumerate(map(_escaped, sheet.footnotes), 1)
        parts.append("  \n".join(f"<sup>{number}</sup> {note}" for number, note in numbered))
    if table.notes:
        parts.append(_listed(table.notes))
    if table.tests:
        parts += ["## Tests", _tests(table), _listed(tested(table))]
        parts.append(MEANING)
    if table.ranking is not None:
        parts += ["## Across datasets", _escaped(ranked(table.ranking))]
    parts += ["## Intervals", _INTERVALS, _intervals(table), f"Made by {_as_code(table.command)}."]
    return "\n\n".join(parts) + "\n"


_INTERVALS = (
    "95 %, by a bootstrap of samples and the spread of seeds; below three seeds of samples."
)


def _entry(entry: Entry) -> str:
    value = f"**{entry.value}**" if entry.best == "*" else entry.value
    spread = f" ± {entry.spread}" if entry.spread else ""
    marks = f"<sup>{','.join(map(str, entry.marks))}</sup>" if entry.marks else ""
    by_chance = "\\~" if entry.best == "~" else ""
    return f"{value}{spread}{by_chance}{marks}"


def _listed(sentences: Iterable[str]) -> str:
    return "\n".join(f"- {_escaped(sentence)}" for sentence in sentences)


def _tests(table: Table) -> str:
    columns = {column.label: column for column in table.columns}
    head = ["column", "row", "against", "difference", "95 %", "over", "test", "n", "p", "Holm"]
    rows = [
        [
            *(_escaped(test.column), _escaped(named(test.row)), _escaped(named(test.reference))),
            *(difference(test, columns[test.column]), span(test, columns[test.column])),
            *(test.over, test.test, str(test.n)),
            *(probability(p).removeprefix("= ") for p in (test.p, test.adjusted)),
        ]
        for test in table.tests
    ]
    return _grid(head, rows, 3)


def _intervals(table: Table) -> str:
    head = [*table.axes, *(column.label for column in table.columns)]
    rows = []
    for row in table.rows:
        pairs = zip(row.numbers, table.columns, strict=True)
        spans = [_interval(number, column.metric) for number, column in pairs]
        rows.append([*map(_escaped, row.labels), *spans])
    return _grid(head, rows, len(table.axes))


def _interval(number: Number | None, metric: str) -> str:
    if number is None or number.low is None or number.high is None:
        return ""
    text = METRICS[metric].text
    return f"{text(number.low)} to {text(number.high)} (n = {number.n})"


def _grid(head: Sequence[str], rows: Iterable[Sequence[str]], labels: int) -> str:
    line = ["---"] * labels + ["---:"] * (len(head) - labels)
    lines = [[_escaped(title) for title in head], line, *rows]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _escaped(text: str) -> str:
    r"""What would be read as Markdown, in one line.

    Example:
        >>> print(_escaped("a|b *c* [d](e)"))
        a\|b \*c\* \[d\](e)
    """
    for sign in "\\|*_<>`[]#&":
        text = text.replace(sign, f"\\{sign}")
    return " ".join(text.split())


def _as_code(text: str) -> str:
    """A command between more backticks than it holds in a row.

    Example:
        >>> print(_as_code("g2d compare 'a`b'"))
        `` g2d compare 'a`b' ``
    """
    text = " ".join(text.split())
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence, space = "`" * (longest + 1), " " * bool(longest)
    return f"{fence}{space}{text}{space}{fence}"
