"""The figures of a grid: its finished runs, one dataset after the other, put to one analysis."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from g2d.analysis.finding import Finding
from g2d.analysis.subject import Subject
from g2d.benchmark.analyses import ANALYSES, Analysis
from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.record import GridRecord, RecordedCell
from g2d.errors import UserError
from g2d.files import write_whole
from g2d.runs.run import Run
from g2d.runs.trust import Trust


@dataclass(frozen=True)
class Figure:
    """The result of an analysis on the runs of one dataset.

    Attributes:
        title: What is shown, and on which data.
        finding: The result; `None` where there is none.
        drawing: The SVG; a JSON file with its numbers lies beside it.
        reason: Why there is no result.
    """

    title: str
    finding: Finding | None = None
    drawing: Path | None = None
    reason: str = ""


def analysis_of(grid: str, figure: str | None) -> Analysis:
    """The analysis that a grid names; asked before anything is trained.

    Args:
        grid: Its name, for the error.
        figure: What it names.

    Raises:
        UserError: There is no such analysis.
    """
    if figure is None or figure not in ANALYSES:
        known = ", ".join(ANALYSES)
        raise UserError(f"grid {grid}: there is no figure {figure!r}; known: {known}")
    return ANALYSES[figure]


def draw_figures(record: GridRecord, out: Path, trust: Trust = False) -> Iterator[Figure]:
    """Draws `figures/<grid>-<dataset>.svg`, and writes its numbers beside it, for every dataset.

    An analysis reads single models, so the runs are those of the grid's first seed. Where they
    cannot be analysed the others are.

    Args:
        record: Of a grid with a figure.
        out: Folder of its runs.
        trust: Whether code outside g2d that the runs name may be run, or which of it may.

    Raises:
        UserError: There is no such analysis.
    """
    analysis = analysis_of(record.name, record.figure)
    first = next((cell.seed for cell in record.cells), 0)
    for dataset in record.axes[DATASET]:
        title = f"{record.title}, {dataset}, seed {first}"
        cells = [c for c in record.cells if (c.labels[DATASET], c.seed) == (dataset, first)]
        try:
            finding = _ask(analysis, cells, out, trust)
        except UserError as error:
            yield Figure(title, reason=str(error))
            continue
        place = out / "figures" / f"{record.name}-{_word(dataset)}.svg"
        place.parent.mkdir(parents=True, exist_ok=True)
        finding.plot(place)
        content = {
            **finding.as_dict(),
            **{"title": title, "sentence": finding.sentence(), "analysis": record.figure},
            "runs": {_label(cell): cell.run for cell in cells},
        }
        text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
        write_whole(place.with_suffix(".json"), text + "\n")
        yield Figure(title, finding, place)


def _ask(analysis: Analysis, cells: list[RecordedCell], out: Path, trust: Trust) -> Finding:
    finished = [cell for cell in cells if cell.state(out) == "finished"]
    if len(finished) < len(cells):
        left = [_label(cell) for cell in cells if cell not in finished]
        raise UserError(f"no finished run of {', '.join(left)}")
    runs = [Run(out / cell.run, out=out, trust=trust) for cell in finished]
    return analysis.run([Subject.of(r, _label(c)) for r, c in zip(runs, finished, strict=True)])


def _label(cell: RecordedCell) -> str:
    """A run's row in the table."""
    return ", ".join(label for axis, label in cell.labels.items() if axis != DATASET)


def _word(label: str) -> str:
    """A label as a part of a file's name.

    Example:
        >>> _word("AV-MNIST"), _word("data/my own.yaml")
        ('AV-MNIST', 'data-my-own')
    """
    return re.sub(r"[^\w.-]+", "-", re.sub(r"\.ya?ml$", "", label)).strip("-")
