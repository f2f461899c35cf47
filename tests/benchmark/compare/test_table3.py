"""Table 3 from one command: errors of a regression, beside the paper's."""

from __future__ import annotations

import json

import numpy as np
import pytest

from benchmark.datasets.misme.miniature import write_miniature
from benchmark.datasets.misme.tiny import ENCODERS
from g2d.benchmark.compare.record import read_record
from g2d.benchmark.compare.tables import read_table
from g2d.benchmark.datasets.misme.prepare import prepare
from g2d.cli.main import main

# Table 3 as printed: MAPE in percent and R².
PRINTED = {
    ("teachers", "tabular"): (15.49, 0.34),
    ("teachers", "image"): (8.22, 0.76),
    # Twice, as nobody knows how many epochs they had.
    ("joint, half the epochs", "fused"): (14.62, 0.42),
    ("joint", "fused"): (14.62, 0.42),
    ("MIS-ME, half the epochs", "fused"): (7.52, 0.80),
    ("MIS-ME", "fused"): (7.52, 0.80),
    ("G²D", "fused"): (7.01, 0.82),
}


@pytest.mark.slow
def test_one_command_makes_the_table(tmp_path):
    write_miniature(tmp_path / "original", captures=10)
    store = prepare(tmp_path / "original", tmp_path / "store", side=16, workers=0)
    out = tmp_path / "runs"
    words = ["--on", f"misme={store}", "--epochs", "2", "--seeds", "0", "1", "--out", str(out)]
    assert main(["compare", "table3", *words, *ENCODERS]) == 0
    record = read_record(out / "grids" / "table3.json")
    table = read_table(record, out)
    places = {
        (row.labels[0], column.read, column.metric): number
        for row in table.rows
        for column, number in zip(table.columns, row.numbers, strict=True)
    }
    beside = {place: number.paper for place, number in places.items() if number.paper is not None}
    assert beside == {
        (*place, metric): value
        for place, values in PRINTED.items()
        for metric, value in zip(("mape", "r2"), values, strict=True)
    }
    joint = [cell.run for cell in record.cells if cell.labels["method"] == "joint"]
    results = [json.loads((out / run / "result.json").read_text())["test"] for run in joint]
    mape = 100 * np.array([result["mape"]["fused"] for result in results])
    assert places["joint", "fused", "mape"].mean == pytest.approx(mape.mean())
    assert places["joint", "fused", "mape"].std == pytest.approx(mape.std(ddof=1))
