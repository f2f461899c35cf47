"""The notes below a table: how it was measured, what is missing, what to know of the paper's."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.paper.records import PROTOCOL, inconsistencies
from g2d.benchmark.compare.protocols import usual
from g2d.benchmark.compare.record import GridRecord
from g2d.benchmark.compare.table import Table
from g2d.runs.run import Run
from g2d.tasks import MultiLabel


def notes_of(table: Table, record: GridRecord, runs: Mapping[str, Run]) -> Table:
    """The table with its notes.

    Args:
        table: Without notes.
        record: Of its grid.
        runs: Those that are finished, by name.
    """
    notes = [*_measured(record, runs), *_bold(table), *_single(table)]
    if any(number and number.paper is not None for row in table.rows for number in row.numbers):
        datasets = {str(cell.paper.get(DATASET)) for cell in record.cells if "method" in cell.paper}
        notes += [PROTOCOL, *inconsistencies(str(record.paper), datasets)]
    return replace(table, notes=tuple(notes))


def _measured(record: GridRecord, runs: Mapping[str, Run]) -> list[str]:
    """Protocol, data and samples of every dataset."""
    found = []
    for dataset in record.axes[DATASET]:
        cells = [cell for cell in record.cells if cell.labels[DATASET] == dataset]
        own = [runs[cell.run] for cell in cells if cell.run in runs]
        if own:
            protocol, data, _ = usual(own)
            size = next(run.result["samples"]["test"] for run in own if run.protocol == protocol)
            done = f"{len({run.path for run in own})} of {len({cell.run for cell in cells})}"
            found.append(
                f"{dataset}: protocol {protocol}, {size} test samples, data {data[:8]}; "
                f"{done} runs finished."
            )
            if isinstance(own[0].task, MultiLabel):
                found.append(f"{dataset}: accuracy is the share of all labels that are right.")
    return found


def _bold(table: Table) -> list[str]:
    chosen = [best for column in table.best for best in column]
    if not chosen:
        return []
    note = (
        "The best of a column is bold or marked * where the 95 % interval of its difference to the "
        "runner-up, over test samples and seeds, leaves zero out"
    )
    if not all(best.beyond_chance for best in chosen):
        note += ", and marked ~ where it does not: not beyond chance"
    return [f"{note}. Only numbers of the same protocol and data are compared."]


def _single(table: Table) -> list[str]:
    counts = {number.n for row in table.rows for number in row.numbers if number and number.n}
    if not counts:
        return []
    if counts == {1}:
        return ["One seed: there is no deviation, and what another seed would give is not known."]
    few, many = min(counts), max(counts)
    seeds = f"{many}" if few == many else f"{few} to {many}"
    return [f"±: standard deviation over {seeds} seeds."]
