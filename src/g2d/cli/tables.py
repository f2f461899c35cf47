"""A grid's table on the terminal."""

from __future__ import annotations

import textwrap
from pathlib import Path

from g2d.benchmark.compare.record import GridRecord
from g2d.benchmark.compare.rendering.files import write_table
from g2d.benchmark.compare.rendering.sheet import lay_out
from g2d.benchmark.compare.rendering.text import blocks, raised
from g2d.benchmark.compare.rendering.words import (
    MEANING,
    difference,
    named,
    probability,
    ranked,
    span,
    tested,
)
from g2d.benchmark.compare.table import Table
from g2d.benchmark.compare.tables import read_table
from g2d.cli.show import show_table
from g2d.errors import PartlyDoneError, require


def show_grid(record: GridRecord, out: Path) -> None:
    """Prints the table of a grid and writes its files.

    Raises:
        PartlyDoneError: Runs have failed; the table is printed and written all the same.
    """
    require("rich", "train")
    from rich.console import Console

    width = Console().width
    table = read_table(record, out)
    sheet = lay_out(table)
    for number, block in enumerate(blocks(sheet, width)):
        show_table("" if number else table.title, block.columns, block.rows)
    footnotes = [f"{raised(i)} {note}" for i, note in enumerate(sheet.footnotes, 1)]
    _print([*footnotes, *([table.about] if table.about else []), *table.notes], width)
    if table.tests:
        _show_tests(table)
        _print([*tested(table), MEANING], width)
    if table.ranking is not None:
        _print([ranked(table.ranking)], width)
    for path in write_table(table, out):
        print(f"  table  {path}")
    check_finished(record, out)


def _show_tests(table: Table) -> None:
    """Every row against the reference, with the tests over samples and over seeds."""
    columns = {column.label: column for column in table.columns}
    found: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    for test in table.tests:
        column = columns[test.column]
        row = found.setdefault(
            (test.column, test.row),
            [
                *(test.column, f"{named(test.row)} - {named(test.reference)}"),
                *(difference(test, column), span(test, column), "-", "-"),
            ],
        )
        row[5 if test.over == "seeds" else 4] = probability(test.adjusted).removeprefix("= ")
    head = ["column", "rows", "difference", "95 %", "p, samples", "p, seeds"]
    show_table("Paired differences, p corrected after Holm", head, list(found.values()))


def _print(lines: list[str], width: int) -> None:
    for line in lines:
        print(textwrap.fill(line, max(40, width), subsequent_indent="  "))
    print()


def check_finished(record: GridRecord, out: Path) -> None:
    """Makes sure that no run of a grid has failed.

    Raises:
        PartlyDoneError: Some have.
    """
    runs = {cell.run: cell for cell in record.cells}
    failed = sum(cell.state(out) == "failed" for cell in runs.values())
    if failed:
        raise PartlyDoneError(
            f"{failed} of {len(runs)} runs failed, for the reasons printed above; the same command "
            "tries them again"
        )
