"""What makes a result look better or worse than it is, or can be read in two ways."""

from __future__ import annotations

from collections.abc import Mapping

from g2d.table.columns.targets import Target
from g2d.table.inspection.names import alike_names
from g2d.table.inspection.odd_numbers import placeholders_in, total_row, values_of
from g2d.table.inspection.suspects import twins_of
from g2d.table.kinds import Kind, Tabular
from g2d.table.kinds.tabular import kind_of_column, unsure_note
from g2d.table.reading.dates import order_of
from g2d.table.reading.source import Table
from g2d.table.reading.unread_dates import compact_dates

# By modality, what each column of numbers, categories and dates holds.
Held = Mapping[str, Mapping[str, str]]


def held_by(kinds: Mapping[str, Kind], table: Table) -> Held:
    """What each column of numbers, categories and dates holds, by modality."""
    held: dict[str, dict[str, str]] = {}
    for name, kind in kinds.items():
        if isinstance(kind, Tabular):
            given = kind.options["types"]
            held[name] = {c: given.get(c) or kind_of_column(table.column(c)) for c in kind.columns}
        elif kind.name == "features" and len(kind.columns) > 1:
            held[name] = dict.fromkeys(kind.columns, "one of a vector")
    return held


def doubts_of(table: Table, kinds: Mapping[str, Kind], target: str, values: Target) -> list[str]:
    """What is doubtful of the columns that are read, however rows are divided, in sentences.

    Columns that are the target under another name, numbers that stand for "none", a row of sums,
    and what can be read in two ways.

    Args:
        table: Its numbers plain.
        kinds: The modalities.
        target: The column to predict.
        values: What is in it.
    """
    held = held_by(kinds, table)
    return [
        *_two_ways(table, held),
        *twins_of(table, [c for kind in kinds.values() for c in kind.columns], target, values),
        *_odd_numbers(table, held, target, values),
    ]


def _odd_numbers(table: Table, held: Held, target: str, values: Target) -> list[str]:
    """Numbers that are none, among inputs and as the target, in sentences."""
    numbers = ("number", "one of a vector")
    read = [c for columns in held.values() for c, what in columns.items() if what in numbers]
    found = values_of(table, [*read, target] if values.task == "regression" else read)
    ends_well = len(table) - 1 not in values.unusable  # else the last row is left out anyway
    return [*placeholders_in(found), *(total_row(found) if ends_well else [])]


def _two_ways(table: Table, held: Held) -> list[str]:
    """Columns that can be read in two ways, in sentences.

    Dates that do not tell day from month, numbers that look like dates, and categories of which
    several values may be one.
    """
    notes = []
    for name, columns in held.items():
        for column, what in columns.items():
            cells = table.column(column)
            if what == "date" and (unsure := order_of(cells).unsure):
                notes.append(f"{name}: {unsure_note(column, unsure)}")
            elif what == "number" and (date := compact_dates(cells)):
                notes.append(
                    f"{name}: {column} is read as numbers and looks like dates ({date}); types: "
                    f"{{{column}: date}} reads it so"
                )
            elif what == "category":
                notes += alike_names(cells, column)
    return notes
