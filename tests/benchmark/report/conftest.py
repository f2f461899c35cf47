"""A small folder of runs with everything in it: classes and numbers, failures, figures."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from benchmark.report.browser import chromium
from g2d.analysis.learning_curves import learning_curves
from g2d.benchmark.compare.jobs import plan_jobs
from g2d.benchmark.compare.launchers.local import InThisProcess
from g2d.benchmark.compare.launchers.running import run_jobs
from g2d.benchmark.compare.reading import grid_from
from g2d.benchmark.compare.record import record_of
from g2d.benchmark.report.write import write_report
from toy import toy_recipe

EVIL = '<script>alert("1")</script>'


class Nobody:
    """Watches nothing."""

    def begin(self, jobs, done):
        pass

    def started(self, job):
        pass

    def ended(self, job, outcome):
        pass

    def tick(self):
        pass

    def close(self):
        pass


def grid_of(folder, data, methods, **more):
    """A grid of toys; recipes are JSON files, which is YAML."""
    datasets = {}
    for label, options in data.items():
        path = folder / f"{label}.yaml"
        path.write_text(json.dumps({**toy_recipe(epochs=2), "data": options}))
        datasets[label] = {"set": {"recipe": str(path)}, "paper": {"dataset": "CREMA-D"}}
    axes = {"dataset": datasets, "method": methods}
    return grid_from({"title": "Toys", "axes": axes, "seeds": [0, 1], **more}, "toys")


def run_grid(grid, out):
    cells = grid.cells()
    record_of(grid, cells, "g2d compare toys").write(out)
    run_jobs(plan_jobs(cells, out), InThisProcess(), Nobody())


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """Three methods and one that is not there, on classes and on numbers, two seeds."""
    made = tmp_path_factory.mktemp("report")
    data = {
        "clouds": {"name": "toy.ToyData"},
        "heights": {"name": "toy.ToyData", "regression": True},
    }
    methods = {
        "joint": {"set": {"method": "joint"}, "paper": {"method": "Joint-Train", "smp": False}},
        EVIL: {"set": {"method": "umt", "training.learning_rate": 0.02}},
        "G²D": {"set": {"method": "g2d"}, "paper": {"method": "G2D", "smp": True}},
        "lost": {"set": {"method": "no_such"}},
    }
    out = made / "runs"
    run_grid(grid_of(made, data, methods, show="all", paper="T4", about=f"About {EVIL}"), out)
    students = [path.parent for path in sorted(out.glob("ToyData-*/result.json"))]
    curves = learning_curves([run for run in students if "g2d" in run.name][:1], out)
    curves.plot(out / "figures" / "learning-curves.svg")
    beside = {"sentence": f"Who learns when {EVIL}."}
    (out / "figures" / "learning-curves.json").write_text(json.dumps(beside))
    return out


@pytest.fixture
def copied(folder, tmp_path):
    """A copy of the folder, to be spoiled."""
    return Path(shutil.copytree(folder, tmp_path / "runs"))


@pytest.fixture(scope="session")
def page(folder, tmp_path_factory):
    """The page of the folder, as a file."""
    return write_report(folder, tmp_path_factory.mktemp("page") / "report.html").page


@pytest.fixture(scope="module")
def browser():
    """A tab, for one file of tests."""
    with chromium() as tab:
        yield tab
