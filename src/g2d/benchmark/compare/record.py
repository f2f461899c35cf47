"""The record of a grid beside its runs: which run belongs to which entry of the table."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.grid import Grid
from g2d.benchmark.compare.places import without_places
from g2d.errors import UserError
from g2d.files import read_json, write_whole
from g2d.runs.run import Run, State


@dataclass(frozen=True)
class RecordedCell:
    """A cell of a recorded grid.

    Attributes:
        labels: Its value on every axis.
        seed: Of weights and order.
        run: Name of its run folder.
        paper: Which records of the paper's results it stands for.
        differs: In what it differs from what the paper has, a sentence each.
    """

    labels: Mapping[str, str]
    seed: int
    run: str
    paper: Mapping[str, Any] = field(default_factory=dict)
    differs: Sequence[str] = ()

    def state(self, out: Path) -> State:
        """How far it is, read from the disk."""
        return Run(out / self.run, out=out).state

    def reason(self, out: Path) -> str:
        """Why it failed, without the places of the machine it failed on."""
        return without_places(Run(out / self.run, out=out).reason)


@dataclass(frozen=True)
class GridRecord:
    """A grid as it was run, `grids/<name>.json` in the folder of runs.

    Attributes:
        name: Of the grid.
        title: What its table shows.
        about: What a reader has to know.
        command: That made it.
        axes: Labels of every axis, in order.
        cells: One for every combination and seed.
        paper: The table of the paper it stands beside, if any.
        figure: The analysis its runs are put to, if any.
        show: `"fused"`, or `"all"` for the modalities as well.
    """

    name: str
    title: str
    about: str
    command: str
    axes: Mapping[str, tuple[str, ...]]
    cells: tuple[RecordedCell, ...]
    paper: str | None = None
    figure: str | None = None
    show: str = "fused"

    def write(self, out: Path) -> Path:
        """Writes it under a folder of runs."""
        path = out / "grids" / f"{self.name}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {
            **{key: getattr(self, key) for key in ("name", "title", "about", "command")},
            **{key: getattr(self, key) for key in ("paper", "figure", "show")},
            "axes": {axis: list(labels) for axis, labels in self.axes.items()},
            "cells": [
                {
                    **{"labels": dict(c.labels), "seed": c.seed, "run": c.run},
                    **{"paper": dict(c.paper), "differs": list(c.differs)},
                }
                for c in self.cells
            ],
        }
        write_whole(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
        return path


def record_of(
    grid: Grid, cells: Sequence[Cell], command: str, left_out: Sequence[str] = ()
) -> GridRecord:
    """The record of a grid before it is run.

    Args:
        grid: The grid.
        cells: Its cells.
        command: That runs it.
        left_out: Why some combinations have no cells; shown with what the grid is about.
    """
    return GridRecord(
        name=grid.name,
        title=grid.title,
        about=" ".join([grid.about, *(f"Left out: {reason}." for reason in left_out)]).strip(),
        command=command,
        axes={
            axis: tuple(dict.fromkeys(cell.labels[axis] for cell in cells)) for axis in grid.axes
        },
        cells=tuple(
            RecordedCell(cell.labels, cell.recipe.seed, cell.name, cell.paper, cell.differs)
            for cell in cells
        ),
        paper=grid.paper,
        figure=grid.figure,
        show=grid.show,
    )


def superseded(record: GridRecord, out: Path) -> list[str]:
    """What the table of a record lacks of the one that it replaces, in sentences.

    Raises:
        UserError: The one that is there is of another grid.
    """
    path = out / "grids" / f"{record.name}.json"
    if not path.is_file():
        return []
    before = read_record(path)
    if (before.title, list(before.axes)) != (record.title, list(record.axes)):
        raise UserError(
            f"{out} holds a table {record.name!r} of another grid ({before.title}); give this one "
            "another --name or another --out"
        )
    lost = {cell.run for cell in before.cells} - {cell.run for cell in record.cells}
    if not lost:
        return []
    return [
        f"the table {record.name!r} was made of {len(lost)} other runs as well; they stay where "
        "they are and leave the table (--name keeps both)"
    ]


def read_records(out: Path) -> list[GridRecord]:
    """Reads all grids of a folder of runs, by name, table 4 before table 12.

    Raises:
        UserError: There is none.
    """
    paths = sorted((out / "grids").glob("*.json"), key=lambda path: _natural(path.stem))
    if not paths:
        raise UserError(f"{out} holds no grids; run one first: g2d compare GRID --out {out}")
    return [read_record(path) for path in paths]


def read_record(path: Path) -> GridRecord:
    """Reads one recorded grid.

    Raises:
        UserError: It gives itself another name than its file has; tables and figures are written
            under that name.
    """
    content = read_json(path)
    if content["name"] != path.stem:
        raise UserError(
            f"{path} calls itself {content['name']!r}, expected {path.stem!r}; run the grid again"
        )
    cells = tuple(RecordedCell(**cell) for cell in content.pop("cells"))
    axes = {axis: tuple(labels) for axis, labels in content.pop("axes").items()}
    return GridRecord(axes=axes, cells=cells, **content)


def _natural(name: str) -> list[tuple[int, str]]:
    """Numbers in a name count as numbers.

    Example:
        >>> sorted(["table12", "table4"], key=_natural)
        ['table4', 'table12']
    """
    return [(int(part or 0), "") if part.isdigit() else (0, part) for part in _PARTS.split(name)]


_PARTS = re.compile(r"(\d+)")
