"""From a recorded grid and its run folders to a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path

import numpy as np

from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.metrics import Metric, shown_metrics
from g2d.benchmark.compare.notes import notes_of
from g2d.benchmark.compare.paper.records import paper_number
from g2d.benchmark.compare.protocols import marks_of
from g2d.benchmark.compare.record import GridRecord, RecordedCell
from g2d.benchmark.compare.statistics.critical_difference import rank_rows
from g2d.benchmark.compare.statistics.place import Place, place_of
from g2d.benchmark.compare.table import Column, Number, Ranking, Row, Table
from g2d.benchmark.compare.testing import Places, best_rows, paired_tests
from g2d.errors import UserError
from g2d.methods.validation import FUSED
from g2d.runs.run import Run

Labels = tuple[str, ...]


def read_table(record: GridRecord, out: Path) -> Table:
    """The table of a grid, as far as its runs are finished.

    Args:
        record: The grid as it was run.
        out: Folder of its runs.
    """
    cells = _by_place(record)
    rows = _rows(record)
    runs = _open_all(record, out)
    columns: list[Column] = []
    numbers: dict[Labels, list[Number | None]] = {row: [] for row in rows}
    best, tests = [], []
    ranked: list[Places] = []
    for dataset in record.axes[DATASET]:
        here = [runs[c.run] for row in rows for c in cells.get((dataset, row), ()) if c.run in runs]
        selects = here[0].metric if here else ""
        metrics = shown_metrics(here[0].metrics if here else {}, selects)
        main = next((m for m in metrics if m.name == selects), metrics[0])
        reads = _reads(here, record.show)
        for read, metric in product(reads, metrics):
            column = _column(dataset, read, metric, len(metrics) > 1)
            columns.append(column)
            places: dict[int, Place] = {}
            for position, row in enumerate(rows):
                own = cells.get((dataset, row))
                if own is None:
                    numbers[row].append(None)
                    continue
                place = place_of([runs[c.run] for c in own if c.run in runs], metric, read)
                if place is not None:
                    places[position] = place
                numbers[row].append(_number(record, own, place, here, metric, read, out))
            compared = Places(column.label, tuple(rows), places)
            best.append(best_rows(compared))
            if read == FUSED:
                tests += paired_tests(compared)
                ranked += [compared] if metric == main else []
    table = Table(
        name=record.name,
        title=record.title,
        about=record.about,
        command=record.command,
        axes=tuple(axis for axis in record.axes if axis != DATASET),
        columns=tuple(columns),
        rows=tuple(Row(row, tuple(numbers[row])) for row in rows),
        best=tuple(best),
        tests=tuple(tests),
        ranking=_ranking(ranked),
    )
    return notes_of(table, record, runs)


def _by_place(record: GridRecord) -> dict[tuple[str, Labels], list[RecordedCell]]:
    found: dict[tuple[str, Labels], list[RecordedCell]] = {}
    for cell in record.cells:
        row = tuple(label for axis, label in cell.labels.items() if axis != DATASET)
        found.setdefault((cell.labels[DATASET], row), []).append(cell)
    return found


def _rows(record: GridRecord) -> list[Labels]:
    """Combinations of all axes but the dataset that some dataset has, in order."""
    there = {row for _, row in _by_place(record)}
    others = [labels for axis, labels in record.axes.items() if axis != DATASET]
    return [row for row in product(*others) if row in there]


def _open_all(record: GridRecord, out: Path) -> dict[str, Run]:
    finished = dict.fromkeys(c.run for c in record.cells if c.state(out) == "finished")
    return {run: Run(out / run, out=out) for run in finished}


def _reads(runs: Sequence[Run], show: str) -> list[str]:
    """Modalities, as runs have them, then fused."""
    if show != "all":
        return [FUSED]
    found = {read: None for run in runs for values in run.metrics.values() for read in values}
    return [*(read for read in found if read != FUSED), FUSED]


def _column(dataset: str, read: str, metric: Metric, several: bool) -> Column:
    label = f"{dataset}, {read}, {metric.label}" if several else f"{dataset}, {read}"
    return Column(label, dataset, metric.name, read, metric.higher_is_better, metric.unit)


def _number(
    record: GridRecord,
    cells: Sequence[RecordedCell],
    place: Place | None,
    column: Sequence[Run],
    metric: Metric,
    read: str,
    out: Path,
) -> Number:
    beside, paper_marks = _beside(record, cells[0].paper, metric, read)
    marks = [*_unfinished(cells, out), *_lacking(cells, place, metric, read, out)]
    if place is None:
        return Number(None, None, 0, None, None, (), (), beside, tuple(marks), paper_marks)
    span = place.interval()
    # Of one or two seeds there is no spread to speak of: what is left is the chance of the samples.
    known = span.known or place.samples is not None
    span = span if span.known else replace(span, seeds=0.0)
    return Number(
        mean=place.mean,
        std=place.std,
        n=len(place.runs),
        low=span.low if known else None,
        high=span.high if known else None,
        values=tuple(float(value) for value in place.values),
        runs=tuple(run.path.name for run in place.runs),
        paper=beside,
        marks=(*marks, *marks_of(place.runs, column), *_differs(cells)),
        paper_marks=paper_marks,
    )


def _lacking(
    cells: Sequence[RecordedCell], place: Place | None, metric: Metric, read: str, out: Path
) -> list[str]:
    """Whether runs are finished and have no such number, so that it is not of all seeds."""
    having = () if place is None else [run.path.name for run in place.runs]
    without = [c.seed for c in cells if c.run not in having and c.state(out) == "finished"]
    some = f" with {_seeds(without)}" if having else ""
    return [f"no {metric.label} of {read} is recorded{some}"] if without else []


def _differs(cells: Sequence[RecordedCell]) -> list[str]:
    """How cells of several seeds differ from the paper, each difference once."""
    return list(dict.fromkeys(difference for cell in cells for difference in cell.differs))


def _beside(
    record: GridRecord, selectors: Mapping[str, object], metric: Metric, read: str
) -> tuple[float | None, tuple[str, ...]]:
    if record.paper is None:
        return None, ()
    try:
        found = paper_number(record.paper, selectors, read=read, metric=metric.name)
    except UserError:  # several fit, and none is better than another
        return None, ()
    return (None, ()) if found is None else (found.value, found.marks)


def _unfinished(cells: Sequence[RecordedCell], out: Path) -> list[str]:
    """What is missing, in words."""
    states = {cell.seed: cell.state(out) for cell in cells}
    failed = [cell for cell in cells if states[cell.seed] == "failed"]
    waiting = sum(state == "open" for state in states.values())
    reasons: dict[str, list[int]] = {}
    for cell in failed:
        reasons.setdefault(cell.reason(out), []).append(cell.seed)
    marks = [f"failed ({_seeds(seeds)}): {reason}" for reason, seeds in reasons.items()]
    return [*marks, *([f"{waiting} of {len(cells)} seeds not finished"] if waiting else [])]


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, seeds))}"


def _ranking(columns: Sequence[Places]) -> Ranking | None:
    """Across the datasets, of the rows that all of them have, measured alike in each."""
    if len(columns) < 2:
        return None
    comparable = [_most(column.alike()) for column in columns]
    shared = sorted(set.intersection(*comparable))
    if len(shared) < 3:
        return None
    values = np.array([[column.places[row].mean for column in columns] for row in shared])
    higher = [column.places[shared[0]].metric.higher_is_better for column in columns]
    rows = [columns[0].rows[row] for row in shared]
    return rank_rows(values, rows, [column.label for column in columns], higher)


def _most(groups: Sequence[Sequence[int]]) -> set[int]:
    found: set[int] = set()
    for group in groups:
        found = set(group) if len(group) > len(found) else found
    return found
