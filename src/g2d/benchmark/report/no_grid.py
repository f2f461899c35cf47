"""The runs of a folder that holds no grid, such as those of `g2d train`, put into one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.record import GridRecord, RecordedCell
from g2d.benchmark.report.groups import resolved
from g2d.benchmark.report.settings import Flat, flat
from g2d.errors import UserError
from g2d.runs.run import Run

T = TypeVar("T")


def record_of_runs(out: Path) -> GridRecord:
    """Rows are methods, and what else differs between the runs of one; columns are datasets.

    Runs that differ by their seed alone are one row.

    Raises:
        UserError: There are no runs.
    """
    found = (Run(file.parent, out=out) for file in sorted(out.glob("*/run.json")))
    runs = [run for run in found if "method" in run.about]
    if (out / "run.json").exists():
        raise UserError(f"{out} is one run; give the folder that holds it: g2d report {out.parent}")
    if not runs:
        raise UserError(
            f"{out} holds neither grids nor runs; train one first: g2d train RECIPE --out {out}"
        )
    datasets = _datasets(runs)
    labels = _labels(runs, datasets)
    return GridRecord(
        name="runs",
        title="All runs of the folder",
        about="Runs that differ by their seed alone are one row.",
        command=f"g2d report {out.resolve().name}",
        axes={
            DATASET: tuple(dict.fromkeys(datasets)),
            "method": tuple(dict.fromkeys(labels)),
        },
        cells=tuple(
            RecordedCell({DATASET: dataset, "method": label}, run.seed, run.name)
            for run, dataset, label in zip(runs, datasets, labels, strict=True)
        ),
    )


def _datasets(runs: Sequence[Run]) -> list[str]:
    """The data of every run, with as much of what is asked of them as tells two apart."""
    settings = [_settings(run) for run in runs]
    found = [str(run.about["dataset"]) for run in runs]
    for asked in _ASKED:
        own = [{k: v for k, v in one.items() if f"{k}.".startswith(asked)} for one in settings]
        found = [
            ", ".join([name, *_told(one, _differing(one, _of(name, found, own)))])
            for name, one in zip(found, own, strict=True)
        ]
    return found


def _labels(runs: Sequence[Run], datasets: Sequence[str]) -> list[str]:
    """The method of every run, with the settings in which it differs from others of its method."""
    settings = [_settings(run) for run in runs]
    methods = [(d, str(run.about["method"]["name"])) for d, run in zip(datasets, runs, strict=True)]
    labels = []
    for own, method in zip(settings, methods, strict=True):
        differ = _differing(own, _of(method, methods, settings))
        labels.append(", ".join([method[1], *_told(own, differ)]))
    places = list(zip(datasets, labels, (run.seed for run in runs), strict=True))
    return [  # copies of a run are distinguished by their folders
        f"{label} ({run.name})" if places.count(place) > 1 else label
        for run, label, place in zip(runs, labels, places, strict=True)
    ]


def _of(name: T, names: Sequence[T], settings: Sequence[Flat]) -> list[Flat]:
    """The settings of those that have a name."""
    return [own for own, other in zip(settings, names, strict=True) if other == name]


def _differing(own: Flat, alike: Sequence[Flat]) -> list[str]:
    return [key for key in own if len({one.get(key) for one in alike}) > 1]


def _told(own: Flat, keys: Sequence[str]) -> list[str]:
    return [f"{key.rpartition('.')[2]} {own[key]}" for key in keys]


def _settings(run: Run) -> Flat:
    """Without the method's name; its options are those of the records, defaults filled in."""
    recipe = {key: value for key, value in resolved(run).items() if key != "method"}
    options = {key: value for key, value in run.about["method"].items() if key != "name"}
    return flat({**recipe, "method": options})


# What is predicted, of which table: numbers of two such have no place in one column.
_ASKED = ("data.target.", "data.table.", "data.task.")
