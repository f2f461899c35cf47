"""A row without any label is one thing, and a row whose labels are not known another."""

from __future__ import annotations

import json
import logging

import numpy as np
import pandas
import pytest

from g2d.table.columns.targets import read_target
from g2d.table.dataset import TableData
from g2d.table.inspection.inspect import inspect_table


def bits(cells):
    found = read_target(cells, "sky")
    assert found.task == "multilabel"
    return found.names, found.values.tolist(), found.unusable


@pytest.mark.parametrize("nothing", ["none", "None", "NONE", "[]"])
def test_a_row_may_say_that_it_has_no_label(nothing):
    names, values, unusable = bits(["wet|cold", "wet", nothing, "cold", None])
    assert names == ("cold", "wet")
    assert values == [[1, 1], [0, 1], [0, 0], [1, 0], [0, 0]]
    assert unusable == {4: "no target"}


def test_lists_say_it_by_an_empty_one_and_may_have_a_label_called_none():
    cells = [json.dumps(labels) for labels in (["wet", "cold"], ["none"], [], ["wet"])]
    names, values, unusable = bits(cells)
    assert names == ("cold", "none", "wet")
    assert values == [[1, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 1]]
    assert not unusable


def test_of_classes_none_is_one():
    found = read_target(["none", "wet", "cold", "none"], "sky")
    assert (found.task, found.names) == ("classification", ("cold", "none", "wet"))


def test_empty_cells_are_counted_and_how_to_say_that_there_is_no_label(
    tmp_path, monkeypatch, caplog
):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))
    rng = np.random.default_rng(0)
    labels = np.array(["wet|cold", "wet", "none", "cold", ""] * 8)
    table = tmp_path / "t.csv"
    notes = [" ".join(rng.choice(["aa", "bb", "cc", "dd"], 5)) for _ in labels]
    frame = pandas.DataFrame({"a": rng.normal(size=40), "note": notes, "sky": labels})
    frame.to_csv(table, index=False)
    line = (
        "8 of 40 (20 %) rows have an empty cell in the place of labels: these are not known, and "
        "the rows are left out; where a row has no label, write none or []"
    )
    assert line in inspect_table(table, "sky")[1]
    with caplog.at_level(logging.WARNING):
        splits = TableData(table, "sky").splits()
    assert f"t.csv: {line}" in caplog.messages
    parts = splits.named().values()
    assert sum(map(len, parts)) == 32
    assert sum(int((part.target.sum(dim=1) == 0).sum()) for part in parts) == 8
