"""A grid on somebody's own table: encoders left to the data, and data that does not stay."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest

from benchmark.compare.small import run_grid
from g2d.benchmark.compare.jobs import attempt, plan_jobs
from g2d.benchmark.compare.reading import grid_from
from g2d.benchmark.compare.record import record_of
from g2d.benchmark.compare.tables import read_table
from g2d.errors import UserError
from g2d.runs.run import Run

THREE = ["joint", "ogm", "mmpareto"]
METHODS = {"joint": {"method": "joint"}, "UMT": {"method": "umt"}}


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))


def write_animals(path, heavier=0.0):
    """Measurements and habits of two animals."""
    rng = np.random.default_rng(0)
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(["weight", "age", "place", "animal"])
        for row in range(60):
            bird = row % 2 == 0
            weight = heavier + rng.normal(1 if bird else 20)
            place = rng.choice(["wood", "sea"] if bird else ["town", "wood"])
            animal = "bird" if bird else "dog"
            writer.writerow([round(weight, 3), round(rng.uniform(1, 9), 1), place, animal])
    return path


def table_grid(folder, encoders, **axes):
    """A grid on the table, its columns in two modalities."""
    modalities = {
        "body": {"kind": "tabular", "columns": ["weight", "age"]},
        "habits": {"kind": "tabular", "columns": ["place"]},
    }
    split = {"val": 0.2, "test": 0.2, "seed": 0}
    table = {"name": "table", "table": str(folder / "animals.csv"), "target": "animal"}
    recipe = {
        "data": {**table, "task": "classification", "modalities": modalities, "split": split},
        "encoders": encoders,
        "training": {"epochs": 1, "batch_size": 16},
    }
    (folder / "animals.yaml").write_text(json.dumps(recipe))
    content = {"axes": {"dataset": {"animals": {"recipe": str(folder / "animals.yaml")}}, **axes}}
    return grid_from({**content, "seeds": [0]}, "mine")


@pytest.mark.parametrize("encoders", [{"body": "auto", "habits": "auto"}, "auto"])
def test_encoders_left_to_the_data_are_those_of_teachers_students_and_baselines(tmp_path, encoders):
    write_animals(tmp_path / "animals.csv")
    epochs = {"stage_epochs": 1, "joint_epochs": 1, "classifier_epochs": 1}
    cra = {"name": "CRA", "blocks": 1, **epochs}
    grid = table_grid(tmp_path, encoders, kind={**METHODS, "CRA": {"impute": cra}})
    outcomes = run_grid(grid, tmp_path / "runs")
    assert [outcome.reason for outcome in outcomes.values()] == [""] * 4
    for cell in grid.cells():
        made = Run(tmp_path / "runs" / cell.name).about["recipe"]
        assert set(made["encoders"]) == {"body", "habits"}
        assert all(encoder["name"] for encoder in made["encoders"].values())


def test_a_finished_run_of_a_table_that_was_edited_since_is_refused(tmp_path):
    out = tmp_path / "runs"
    before = write_animals(tmp_path / "animals.csv").read_text()
    cells = table_grid(tmp_path, "auto", method={"joint": {"method": "joint"}}).cells()
    hidden = [("missing", {"rate": 0.2})]
    masked = table_grid(tmp_path, "auto", method=["joint"]).with_changes(hidden).cells()
    assert len(plan_jobs([*cells, *masked], out)) == 2
    assert not any(attempt(job) for job in plan_jobs([*cells, *masked], out))
    assert not plan_jobs([*cells, *masked], out)
    write_animals(tmp_path / "animals.csv", heavier=1.0)
    for own in (cells, masked):
        with pytest.raises(UserError, match=f"{own[0].name} was made from other data.*--out"):
            plan_jobs(own, out)
    assert len(plan_jobs(cells, tmp_path / "elsewhere")) == 1
    (tmp_path / "animals.csv").write_text(before)
    assert not plan_jobs([*cells, *masked], out)
    (tmp_path / "animals.csv").unlink()  # nothing can be said of it, and what was measured stays
    assert not plan_jobs([*cells, *masked], out)


def test_a_table_shows_and_ranks_by_the_metric_that_selects(tmp_path):
    """Of a task that macro F1 selects, the accuracy alone was shown, and not called so."""
    write_animals(tmp_path / "animals.csv")
    table_grid(tmp_path, "auto")
    tasks = {
        "f1": {"data.task": {"name": "classification", "selects": "macro_f1"}},
        "number": {"data.task": "regression", "data.target": "age"},
    }
    tasks["number"]["data.modalities"] = {"habits": {"kind": "tabular", "columns": ["place"]}}
    tasks["number"]["data.modalities"]["body"] = {"kind": "tabular", "columns": ["weight"]}
    recipe = {"recipe": str(tmp_path / "animals.yaml")}
    grid = grid_from(
        {
            "axes": {
                "dataset": {name: {**recipe, **own} for name, own in tasks.items()},
                "method": THREE,
            },
            "seeds": [0],
        },
        "mine",
    )
    run_grid(grid, tmp_path / "runs")
    table = read_table(record_of(grid, grid.cells(), "g2d compare"), tmp_path / "runs")
    labels = [column.label for column in table.columns]
    assert labels[:2] == ["f1, fused, macro F1", "f1, fused, accuracy"]
    run = Run(tmp_path / "runs" / table.rows[0].numbers[0].runs[0])
    assert table.rows[0].numbers[0].mean == pytest.approx(
        100 * run.metrics["macro_f1"]["fused"], abs=1e-3
    )
    assert table.ranking.datasets == ("f1, fused, macro F1", "number, fused, RMSE")
