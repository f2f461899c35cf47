"""A folder of runs without any grid, as `g2d train` leaves it, is a page as well."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from benchmark.report.reading import read_page
from g2d import MultiLabel
from g2d.benchmark.report.no_grid import record_of_runs
from g2d.benchmark.report.write import write_report
from g2d.engine.evaluate import Evaluation
from g2d.engine.records import write_predictions
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


@pytest.fixture(scope="module")
def out(tmp_path_factory):
    folder = tmp_path_factory.mktemp("runs")
    for name, method, epochs, seed in (
        *(("a", "joint", 1, 0), ("b", "joint", 1, 1), ("c", "joint", 2, 0)),
        *(("d", "g2d", 1, 0), ("e", "g2d", 1, 0)),
    ):
        recipe = {**toy_recipe(epochs=epochs), "method": method, "seed": seed}
        train(recipe_from(recipe), folder, name=name)
    return folder


def test_runs_that_differ_by_their_seed_alone_are_one_row(out):
    record = record_of_runs(out)
    labels = {cell.run: (cell.labels["method"], cell.seed) for cell in record.cells}
    assert labels == {
        "a": ("joint, epochs 1", 0),
        "b": ("joint, epochs 1", 1),
        "c": ("joint, epochs 2", 0),
        "d": ("g2d (d)", 0),  # the same twice
        "e": ("g2d (e)", 0),
    }


def test_two_targets_of_a_table_are_two_columns(out, tmp_path):
    """A price and a grade stood in one column, under the metric of whichever came first."""
    about = Run(out / "a").about
    stars = {"table": "goods.csv", "target": "stars"}
    for name, data in {
        "a": {"table": "goods.csv", "target": "price"},
        "b": {"table": "more/goods.csv", "target": "price"},
        "c": {**stars, "task": {"name": "classification"}},
        "d": {**stars, "task": {"name": "regression"}},
    }.items():
        recipe = {**about["recipe"], "data": {"name": "table", **data}}
        run = Run(tmp_path / name)
        run.write_json("run.json", {**about, "dataset": "goods", "recipe": recipe})
    record = record_of_runs(tmp_path)
    assert {cell.run: (cell.labels["dataset"], cell.labels["method"]) for cell in record.cells} == {
        "a": ("goods, target price, table goods.csv", "joint"),
        "b": ("goods, target price, table more/goods.csv", "joint"),
        "c": ("goods, target stars, task classification", "joint"),
        "d": ("goods, target stars, task regression", "joint"),
    }


def test_the_page_shows_every_run_and_their_teachers(out, tmp_path):
    text = write_report(out, tmp_path / "page.html").page.read_text()
    names = [run.attributes["id"] for run in read_page(text).all("details", class_="run")]
    assert {"run-a", "run-b", "run-c", "run-d", "run-e"} < set(names)
    assert sum(name.startswith("run-teachers/") for name in names) == 2


def test_labels_are_counted_one_by_one(out, tmp_path):
    target = np.array([[1, 0], [1, 1], [0, 1]])
    given = np.array([[1, 1], [0, 1], [0, 1]])
    run, task = Run(tmp_path / "films"), MultiLabel(["crime", "drama"])
    about = {**Run(out / "a").about, "dataset": "films"}
    run.write_json("run.json", about)
    run.write_json("model.json", {"task": task.describe()})
    logits = torch.from_numpy(2.0 * given - 1)
    found = {
        name: {"fused": value}
        for name, value in task.metrics(logits, torch.from_numpy(target)).items()
    }
    evaluation = Evaluation({"fused": logits}, torch.from_numpy(target), torch.arange(3), {}, found)
    write_predictions(run.path, "test", evaluation)
    sizes = {"train": 3, "val": 3, "test": 3}
    result = {
        "method": "joint",
        "dataset": "films",
        "seed": 0,
        "protocol": "clean",
        "samples": sizes,
    }
    run.write_json("result.json", {**result, "val": found, "test": found})
    page = read_page(write_report(tmp_path, tmp_path / "page.html").page.read_text())
    (section,) = page.all("details", class_="run")
    assert "1 of 3 test samples have all labels right." in section.text
    rows = [[cell.text for cell in row.inside] for row in section.all("tr")]
    assert ["crime", "2", "1", "1"] in rows
    assert ["drama", "2", "3", "2"] in rows
