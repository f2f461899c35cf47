"""A table that is made anew says what it loses."""

from dataclasses import replace

import pytest

from g2d.benchmark.compare.record import GridRecord, RecordedCell, superseded
from g2d.errors import UserError

CELLS = tuple(RecordedCell({"dataset": "d", "method": "m"}, seed, f"run-{seed}") for seed in (0, 1))
RECORD = GridRecord("mine", "Mine", "", "", {"dataset": ("d",), "method": ("m",)}, CELLS)


def test_the_first_record_and_the_same_again_lose_nothing(tmp_path):
    assert superseded(RECORD, tmp_path) == []
    RECORD.write(tmp_path)
    assert superseded(RECORD, tmp_path) == []


def test_runs_that_leave_the_table_are_counted(tmp_path):
    RECORD.write(tmp_path)
    (said,) = superseded(replace(RECORD, cells=CELLS[:1]), tmp_path)
    assert "made of 1 other runs" in said


def test_another_grid_of_the_same_name_is_refused(tmp_path):
    RECORD.write(tmp_path)
    with pytest.raises(UserError, match="another --name"):
        superseded(replace(RECORD, title="Another"), tmp_path)


def test_reasons_keep_no_places_of_a_machine(tmp_path):
    (tmp_path / "failed").mkdir()
    (tmp_path / "failed" / "run-0.json").write_text('{"reason": "no file /home/me/data/a.csv"}')
    assert CELLS[0].reason(tmp_path) == "no file …/a.csv"
