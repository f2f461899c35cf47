"""The committed report: whole, small, and made of the settings that were chosen on validation."""

import json
import re
from pathlib import Path

import pytest

from g2d.benchmark.compare.reading import read_grid
from g2d.recipes.catalog import METHODS

FOLDER = Path(__file__).parents[2] / "benchmarks"
PAGE = FOLDER / "report" / "index.html"


@pytest.fixture(scope="module")
def page():
    if not PAGE.is_file():
        pytest.skip("the report is not part of this copy")
    return PAGE.read_text("utf-8")


def test_every_method_has_the_rate_that_was_best_on_validation():
    grid = read_grid(str(FOLDER / "report" / "methods.yaml"))
    rows = json.loads((FOLDER / "results" / "accuracy-avmnist-methods.json").read_text())["rows"]
    cells = {cell.labels["method"]: cell.recipe for cell in grid.cells()}
    assert set(METHODS) <= set(cells)
    for name, recipe in cells.items():
        chosen = rows[name]["setting"].get("training.learning_rate", 0.01)
        assert recipe.training["learning_rate"] == chosen, name
        assert recipe.teachers["learning_rate"] == 0.03


def test_the_page_is_small_and_asks_nobody(page):
    assert len(page.encode()) < 3e6
    assert not re.findall(r'(?:src|href)="(?!#|data:)[^"]*"', page)
    assert not re.findall(r"[\s\"'>=]/\w+/[\w/.-]+", page)  # no place of the machine it was made on


def test_the_tables_beside_the_page_are_its_own(page):
    """A mean of the page's table of methods, computed anew from the values by seed."""
    table = json.loads((PAGE.parent / "tables" / "methods.json").read_text("utf-8"))
    place = [column["read"] for column in table["columns"]].index("fused")
    assert len(table["rows"]) == 30
    for row in table["rows"]:
        number = row["numbers"][place]
        mean = sum(number["values"]) / len(number["values"])
        assert number["n"] == len(number["values"]) == 3
        assert number["mean"] == pytest.approx(mean)
        assert f"{round(mean, 9):.1f}" in page
