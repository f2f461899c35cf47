"""The paper's numbers: all are there, and every shipped grid finds one or none."""

from __future__ import annotations

from collections import Counter
from importlib.resources import files

import pytest

from g2d.benchmark.compare.paper.records import ROWS, inconsistencies, paper_number
from g2d.benchmark.compare.reading import read_grid, shipped_grids
from g2d.errors import UserError
from g2d.recipes.plain_yaml import read_yaml

TABLES = files("g2d.benchmark.compare.paper") / "results.yaml"
CONTENT = read_yaml(TABLES.read_text(encoding="utf-8"))
SIZES = (114, 81, 10, 18, 24, 8, 7, 6, 12, 4, 24, 14)
COUNTS = {f"T{number}": size for number, size in enumerate(SIZES, 1)}


def test_every_table_is_whole():
    assert Counter(record["table"] for record in CONTENT["results"]) == COUNTS
    assert [entry["id"] for entry in CONTENT["inconsistencies"]] == [
        f"I{number:02d}" for number in range(1, 29)
    ]
    assert all(set(entry["tables"]) <= set(COUNTS) for entry in CONTENT["inconsistencies"])


def test_no_two_numbers_stand_in_one_place():
    silent = {"value", "note", "grid_n"}
    keys = [
        tuple((k, str(v)) for k, v in record.items() if k not in silent)
        for record in CONTENT["results"]
    ]
    assert len(set(keys)) == len(keys)


@pytest.mark.parametrize(
    ("table", "selectors", "read", "metric", "value"),
    [
        ("T1", {"dataset": "CREMA-D", "method": "G2D"}, "fused", "accuracy", 85.89),
        ("T4", {"dataset": "AV-MNIST", "method": "UMT", "smp": False}, "fused", "accuracy", 72.33),
        (
            "T7",
            {"method": "G2D", "tau": [50, 150], "dataset": "CREMA-D"},
            "fused",
            "accuracy",
            None,
        ),
        ("T3", {"dataset": "MIS-ME", "method": "G2D"}, "fused", "r2", 0.82),
        ("T3", {"dataset": "MIS-ME", "method": "G2D"}, "fused", "mape", 7.01),
        ("T3", {"dataset": "MIS-ME", "method": "G2D"}, "fused", "rmse", None),
    ],
)
def test_numbers_are_found_by_what_they_are_of(table, selectors, read, metric, value):
    found = paper_number(table, selectors, read=read, metric=metric)
    if table == "T7":  # a list of stages is a value like any other
        assert found is not None
    else:
        assert (found and found.value) == value


def test_a_modality_is_found_by_the_papers_word_for_it():
    chosen = {"dataset": "CREMA-D", "method": "UMT", ROWS: {"near": "Audio"}}
    assert paper_number("T1", chosen, read="near", metric="accuracy").value == 61.02
    assert paper_number("T1", chosen, read="far", metric="accuracy") is None


def test_a_list_of_values_is_a_choice():
    chosen = {"dataset": "CREMA-D", "method": ["Teacher-Audio", "Teacher-Video"]}
    rows = {ROWS: {"near": "Audio", "far": "Video"}}
    values = [
        paper_number("T1", {**chosen, **rows}, read=read, metric="accuracy").value
        for read in ("near", "far")
    ]
    assert values == [61.69, 76.48]


def test_too_few_selectors_are_no_guess():
    assert paper_number("T4", {"dataset": "CREMA-D"}, read="fused", metric="accuracy") is None
    with pytest.raises(UserError, match="2 of the paper's numbers"):
        paper_number("T4", {"dataset": "CREMA-D", "method": "UMT"}, read="fused", metric="accuracy")


def test_odd_numbers_say_so():
    found = paper_number(
        "T1", {"dataset": "CREMA-D", "method": "AGM"}, read="fused", metric="accuracy"
    )
    assert "669" in found.marks[0]


def test_inconsistencies_are_those_of_the_table_and_its_datasets():
    said = inconsistencies("T4", {"CREMA-D"})
    assert [line[:3] for line in said] == ["I02", "I16"]
    assert not inconsistencies("T4", set())


@pytest.mark.parametrize("name", shipped_grids())
def test_shipped_grids_never_fit_several_numbers(name):
    grid = read_grid(name)
    if grid.paper is None:
        return
    for cell in grid.cells():
        reads = ["fused", *cell.paper.get(ROWS, {})]
        for read in reads:
            for metric in ("accuracy", "mape", "r2"):
                paper_number(grid.paper, cell.paper, read=read, metric=metric)


def test_rows_that_name_no_modality_have_no_number():
    chosen = {"dataset": "CREMA-D", "method": "UMT", "smp": True, "rows": "near"}
    assert paper_number("T4", chosen, read="near", metric="accuracy") is None
    assert paper_number("T4", chosen, read="fused", metric="accuracy") is not None
