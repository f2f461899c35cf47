"""Which runs of several grids are one setting, against sets that are merged until none overlap."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from g2d.benchmark.compare.grid import DATASET
from g2d.benchmark.compare.record import GridRecord, RecordedCell
from g2d.benchmark.report.groups import read_groups


@pytest.mark.parametrize("seed", range(5))
def test_runs_of_one_setting_in_any_grid_are_one_group(seed: int, tmp_path: Path) -> None:
    draw = random.Random(seed)
    records, sets, named = [], [], []
    for grid in range(3):
        cells = []
        for setting in range(6):
            runs = [f"run{draw.randrange(25)}" for _ in range(3)]
            labels = {DATASET: "data", "setting": str(setting)}
            cells += [RecordedCell(labels, n, run) for n, run in enumerate(runs)]
            named += runs
            sets.append(set(runs))
        axes = {DATASET: ("data",), "setting": tuple(map(str, range(6)))}
        records.append(GridRecord(str(grid), "", "", "", axes, tuple(cells)))
    merged = True
    while merged:
        merged = False
        for one in sets:
            for other in sets:
                if one is not other and one & other:
                    one |= other
                    other.clear()
                    merged = True
    expected = sorted((runs for runs in sets if runs), key=lambda runs: min(map(named.index, runs)))
    found = read_groups(records, tmp_path)
    assert [{run.name for run in group.runs} for group in found] == expected
