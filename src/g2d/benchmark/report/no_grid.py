"""The runs of a folder that holds no grid, such as those of `g2d train`, put into one table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.record import GridRecord, RecordedCell
from g2d.benchmark.report.groups import resolved
from g2d.benchmark.report.settings import Flat, flat
from g2d.errors import UserError
from g2d.runs.run import Run


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
    labels = _labels(runs)
    return GridRecord(
        name="runs",
        title="All runs of the folder",
        about="Runs that differ by their seed alone are one row.",
        command=f"g2d report {out.resolve().name}",
        axes={
            DATASET: tuple(dict.fromkeys(_dataset(run) for run in runs)),
            "method": tuple(dict.fromkeys(labels)),
        },
        cells=tuple(
            RecordedCell({DATASET: _dataset(run), "method": label}, run.seed, run.name)
            for run, label in zip(runs, labels, strict=True)
        ),
    )


def _dataset(run: Run) -> str:
    return str(run.about["dataset"])


def _labels(runs: Sequence[Run]) -> list[str]:
    """The method of every run, with the settings that tell it from others of its method."""
    settings = [_settings(run) for run in runs]
    methods = [(_dataset(run), str(run.about["method"]["name"])) for run in runs]
    labels = []
    for own, method in zip(settings, methods, strict=True):
        alike = [s for s, other in zip(settings, methods, strict=True) if other == method]
        differ = [key for key in own if len({one.get(key) for one in alike}) > 1]
        told = [f"{key.rpartition('.')[2]} {own[key]}" for key in differ]
        labels.append(", ".join([method[1], *told]))
    places = [(_dataset(run), label, run.seed) for run, label in zip(runs, labels, strict=True)]
    return [  # copies of a run are told apart by their folders
        f"{label} ({run.name})" if places.count(place) > 1 else label
        for run, label, place in zip(runs, labels, places, strict=True)
    ]


def _settings(run: Run) -> Flat:
    """Without the method's name; its options are those of the records, defaults filled in."""
    recipe = {key: value for key, value in resolved(run).items() if key != "method"}
    options = {key: value for key, value in run.about["method"].items() if key != "name"}
    return flat({**recipe, "method": options})
