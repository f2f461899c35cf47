"""Runs that differ by their seed alone, kept together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.record import GridRecord
from g2d.recipes.recipe import digest
from g2d.runs.run import Run


@dataclass(frozen=True)
class Group:
    """The runs of one setting with several seeds.

    Attributes:
        anchor: Where it is found on the page.
        title: What tables call it.
        runs: In the order of seeds.
        teacher: Whether it is a unimodal teacher.
    """

    anchor: str
    title: str
    runs: tuple[Run, ...]
    teacher: bool = False

    @property
    def dataset(self) -> str:
        """The data that it was trained on; empty where no run of it began."""
        return next((str(run.about["dataset"]) for run in self.runs if "dataset" in run.about), "")

    @property
    def scores(self) -> tuple[float, ...]:
        """The fused scores of the finished runs on test."""
        return tuple(run.score for run in self.runs if run.score is not None)

    @property
    def spread(self) -> float | None:
        """Their standard deviation; nothing for fewer than two."""
        return float(np.std(self.scores, ddof=1)) if len(self.scores) > 1 else None


def read_groups(records: Sequence[GridRecord], out: Path) -> list[Group]:
    """Groups all runs that grids name, in their order, and after them their teachers."""
    seeds: dict[str, int] = {}
    titles: dict[str, str] = {}
    together: dict[str, str] = {}  # a run that was named before, and stands for the same group
    number_of: dict[str, int] = {}
    datasets = {label for record in records for label in record.axes[DATASET]}
    for record in records:
        first_of: dict[tuple[str, ...], str] = {}
        for cell in record.cells:
            labels = tuple(cell.labels.values())
            shown = [v for k, v in cell.labels.items() if k != DATASET or len(datasets) > 1]
            titles.setdefault(cell.run, " · ".join(shown or labels))
            seeds.setdefault(cell.run, cell.seed)
            together.setdefault(cell.run, cell.run)
            number_of.setdefault(cell.run, len(number_of))
            one, other = (
                _root(together, n) for n in (first_of.setdefault(labels, cell.run), cell.run)
            )
            first, second = sorted((one, other), key=number_of.__getitem__)
            together[second] = first
    groups: dict[str, list[str]] = {}
    for name in together:
        groups.setdefault(_root(together, name), []).append(name)
    students = [
        Group(
            anchor=f"setting-{number}",
            title=titles[names[0]],
            runs=tuple(Run(out / name, out=out) for name in sorted(names, key=seeds.__getitem__)),
        )
        for number, names in enumerate(groups.values(), 1)
    ]
    return [*students, *_teachers(students)]


def _teachers(students: Sequence[Group]) -> list[Group]:
    named: dict[str, tuple[str, Run]] = {}
    for group in students:
        for student in group.runs:
            own = student.own_teachers.items()
            named |= {teacher.name: (modality, teacher) for modality, teacher in own}
    groups: dict[str, list[Run]] = {}
    for modality, run in named.values():
        dataset = str(run.about.get("dataset", ""))
        key = f"{dataset} · {modality} · {digest(resolved(run))}"
        groups.setdefault(key, []).append(run)
    return [
        Group(
            anchor=f"teachers-{number}",
            title=f"{key.rpartition(' · ')[0]} alone",
            runs=tuple(sorted(runs, key=lambda run: (run.seed, run.name))),
            teacher=True,
        )
        for number, (key, runs) in enumerate(groups.items(), 1)
    ]


def resolved(run: Run) -> dict[str, Any]:
    """Everything that decides a run but its seed: the recipe, with defaults filled in."""
    recipe = {k: v for k, v in run.about.get("recipe", {}).items() if k != "seed"}
    known = {key: run.about[key] for key in ("method", "training") if key in run.about}
    if run.about.get("kind") == "teacher":
        # A teacher has no method or fusion; those of the recipe are fillers.
        recipe = {k: v for k, v in recipe.items() if k not in {"method", "fusion"}}
        known["modality"] = run.about.get("modality")
    return {**recipe, **known}


def places(groups: Sequence[Group]) -> Mapping[str, Group]:
    """The group of every run."""
    return {run.name: group for group in groups for run in group.runs}


def _root(together: dict[str, str], name: str) -> str:
    while together[name] != name:
        together[name] = together[together[name]]  # a shorter path for the next call
        name = together[name]
    return name
