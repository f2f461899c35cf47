"""Weights of rows act on training alone."""

from __future__ import annotations

import logging

import numpy as np
import pandas
import pytest

from g2d.errors import UserError
from g2d.table.dataset import TableData


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("G2D_CACHE", str(tmp_path / "cache"))


def weighed(weights):
    rows = len(weights)
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        {
            "a": rng.normal(size=rows),
            "times": weights,
            "split": (["train", "val", "test"] * rows)[:rows],
            "y": np.array(["cat", "dog"])[np.arange(rows) // 3 % 2],
        }
    )


def test_rows_without_a_weight_validate_and_test_and_are_not_trained_on(caplog):
    weights = np.tile([2.0, 1.0, 1.0], 12)
    weights[[0, 1, 2]] = np.nan
    weights[[3, 4, 5, 6]] = 0
    table = weighed(weights)
    data = TableData(table, "y", split={"column": "split"}, weight="times")
    with caplog.at_level(logging.WARNING):
        splits = data.splits()
    assert splits.train.rows.tolist() == list(range(9, 36, 3))  # 0, 3 and 6 have no weight
    assert splits.val.rows.tolist() == list(range(1, 36, 3))
    assert splits.test.rows.tolist() == list(range(2, 36, 3))
    assert splits.train.weights.tolist() == [2.0] * 9
    assert set(data.skipped) == {1, 4, 7}
    assert (
        "3 of 12 (25 %) training rows have no weight above 0 in 'times' (1 empty, 2 of 0, 0 no "
        "numbers) and are not trained on; rows to validate and test on need none"
    ) in caplog.text


def test_with_weights_everywhere_nothing_is_said(caplog):
    data = TableData(weighed(np.ones(36)), "y", split={"column": "split"}, weight="times")
    assert sum(map(len, data.splits().named().values())) == 36
    assert not data.skipped
    assert "weight" not in caplog.text


def test_weights_below_0_are_refused():
    weights = np.ones(36)
    weights[[4, 7]] = -1.5
    with pytest.raises(UserError) as caught:
        TableData(weighed(weights), "y", weight="times")
    assert str(caught.value) == (
        "weight: 'times' holds -1.5 in row 5, and 2 of 36 (6 %) rows are below 0; expected 0 or "
        "more: 0 leaves a row out of training"
    )


def test_training_rows_that_all_lack_a_weight_are_an_error():
    weights = np.tile([0.0, 1.0, 1.0], 12)
    data = TableData(weighed(weights), "y", split={"column": "split"}, weight="times")
    with pytest.raises(UserError, match="no rows are left for train"):
        data.splits()
