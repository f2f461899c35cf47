"""A committed result is of the code that stands: the same method does the same on a tiny table."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
ROWS: dict[str, dict[str, Any]] = {
    label: row
    for name in (
        "default.json",
        "default-5db.json",
        "default-8db.json",
        "default-three.json",
        "default-again.json",
    )
    for part in json.loads((BENCHMARKS / "results" / name).read_text())["data"].values()
    for label, row in part["rows"].items()
}
# What README's table shows; the others are slow.
FIRST = {"joint", "UME, fitted", "loss + γ, branch", "AMCo"}


@pytest.mark.parametrize(
    "label",
    [label if label in FIRST else pytest.param(label, marks=pytest.mark.slow) for label in ROWS],
)
def test_the_code_of_a_row_has_not_changed_since(
    label: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "path", [str(BENCHMARKS), *sys.path])
    row = ROWS[label]
    now = importlib.import_module("behaviour").behaviour(row["method"])
    assert now == pytest.approx(row["behaviour"], rel=1e-4), (
        f"{label} does other than when it was measured; measure it again: python "
        f'benchmarks/default.py --on NAME=RECIPE --only "{label}" for every data set'
    )
