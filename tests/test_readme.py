"""Every number of the README comes from a committed result."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def tables():
    spec = importlib.util.spec_from_file_location("tables", ROOT / "benchmarks" / "tables.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def between(mark: str) -> str:
    return re.search(rf"<!-- {mark} -->\n(.*?)\n<!-- /{mark} -->", README, re.DOTALL).group(1)


def test_the_accuracy_table_is_the_committed_one(tables):
    result = tables.read("accuracy-avmnist.json")
    assert between("accuracy") == tables.accuracy_table(result, tables.README_ROWS)
    assert len(result["seeds"]) == 3


def test_the_step_table_is_the_committed_one(tables):
    assert between("step") == tables.step_table(tables.read("step-cpu.json"))


def test_every_committed_mean_is_the_mean_of_its_values(tables):
    """A second computation of the summary, and the grid of accuracies: j right of n samples."""
    result = tables.read("accuracy-avmnist.json")
    samples = result["dataset"]["counts"]["test"]
    for row in result["rows"].values():
        for values in row["accuracy"]["test"].values():
            assert values["mean"] == pytest.approx(sum(values["values"]) / len(values["values"]))
            for value in values["values"]:
                assert value * samples == pytest.approx(round(value * samples), abs=1e-6)
