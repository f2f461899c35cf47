"""Every number of the README comes from a committed result."""

from __future__ import annotations

import importlib.util
import inspect
import re
from pathlib import Path

import pytest

import g2d

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


def test_the_default_row_is_the_default(tables):
    result = tables.read("accuracy-avmnist.json")
    (row,) = (row for label, row in result["rows"].items() if label.endswith("(default)"))
    options = {key: value for key, value in row["method"].items() if key != "name"}
    signature = inspect.signature(g2d.G2D).parameters
    assert options.pop("rank_by") == "heldout"
    assert options.pop("scope") == "branch"  # what "auto" is with late fusion
    assert signature["scope"].default == "auto"
    assert options == {key: signature[key].default for key in options}


def test_nothing_is_left_to_be_filled_in():
    assert not re.search(r"[A-Z]+-TEXT|TODO|TBD", README)


def test_where_it_fails_is_quoted_from_its_result(tables):
    result = tables.read("accuracy-avmnist-5db.json")
    quoted = [result["teachers"][name]["test"] for name in ("audio", "image")]
    assert all(f"{100 * values['mean']:.1f} %" in README for values in quoted)
    for row in result["rows"].values():
        fused = row["accuracy"]["test"]["fused"]
        assert f"{100 * fused['mean']:.1f} ± {100 * fused['std']:.1f}" in README
