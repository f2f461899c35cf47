"""A table of the page with all that stands around it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from g2d.benchmark.compare.rendering.words import (
    difference,
    named,
    probability,
    ranked,
    span,
    tested,
)
from g2d.benchmark.compare.table import PairedTest, Table
from g2d.benchmark.report.cells import ShownTable, show_table, what
from g2d.benchmark.report.groups import Group
from g2d.benchmark.report.ranking import ranking_svg

_NUMBERED = re.compile(r"I\d\d, ")  # as the list of the paper's inconsistencies has them


@dataclass(frozen=True)
class TableSection:
    """A table on the page.

    Attributes:
        table: Ready for the template.
        what: What its numbers are.
        notes: What stands below it.
        contradictions: Those of the paper, by their number.
        verdicts: The results of the tests, one sentence a column.
        tests: Every test.
        ranking: The critical difference diagram and what it shows, where there is one.
    """

    table: ShownTable
    what: str
    notes: tuple[str, ...]
    contradictions: tuple[str, ...]
    verdicts: tuple[str, ...]
    tests: tuple[PairedRow, ...]
    ranking: tuple[str, str] | None


@dataclass(frozen=True)
class PairedRow:
    """A paired test as the page shows it."""

    test: PairedTest
    row: str
    difference: str
    span: str
    p: str


def table_section(table: Table, groups: Mapping[str, Group]) -> TableSection:
    """Makes a table ready for the page.

    Args:
        table: As `read_table` gives it.
        groups: The group of every run, to link to.
    """
    return TableSection(
        table=show_table(table, groups),
        what=what(table),
        notes=tuple(note for note in table.notes if not _NUMBERED.match(note)),
        contradictions=tuple(note for note in table.notes if _NUMBERED.match(note)),
        verdicts=tuple(tested(table)),
        tests=tuple(_tests(table)),
        ranking=_ranking(table),
    )


def _tests(table: Table) -> list[PairedRow]:
    columns = {column.label: column for column in table.columns}
    return [
        PairedRow(
            test,
            f"{named(test.row)} − {named(test.reference)}",
            difference(test, columns[test.column]),
            span(test, columns[test.column]),
            probability(test.adjusted).removeprefix("= "),
        )
        for test in table.tests
    ]


def _ranking(table: Table) -> tuple[str, str] | None:
    if table.ranking is None:
        return None
    return ranking_svg(table.ranking), ranked(table.ranking)
