"""What cannot be a `y` is said in one line, with how many rows and what to do."""

from __future__ import annotations

import numpy as np
import pandas
import pytest

import g2d
from g2d.errors import UserError
from g2d.table.estimators.targets import classes_of, numbers_of

X = np.random.default_rng(0).normal(size=(40, 4))
HALVES = {"left": slice(0, 2), "right": slice(2, 4)}
MISSING = "got y that is missing (None or NaN) in 20 of 40 (50 %) rows, first in row 2; remove"


@pytest.mark.parametrize(
    "y",
    [
        ["a", None] * 20,
        ["a", float("nan")] * 20,
        [0.0, np.nan] * 20,
        np.array(["a", None] * 20, dtype=object),
        pandas.Series(["a", None] * 20, dtype="string"),
        pandas.Series([1, None] * 20, dtype="Int64"),
        pandas.Series([True, None] * 20, dtype="boolean"),
        pandas.Series(["a", None] * 20, dtype="category"),
        pandas.Series(pandas.to_datetime(["2020-01-01", None] * 20)),
    ],
)
def test_missing_classes_are_counted_and_refused(y):
    with pytest.raises(UserError) as caught:
        g2d.G2DClassifier(HALVES).fit(X, y)
    assert str(caught.value).startswith(MISSING)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "y",
    [[1.0, None] * 20, [1.0, np.nan] * 20, pandas.Series([1.5, None] * 20, dtype="Float64")],
)
def test_missing_numbers_are_counted_and_refused(y):
    with pytest.raises(UserError) as caught:
        g2d.G2DRegressor(HALVES).fit(X, y)
    assert str(caught.value).startswith(MISSING)


@pytest.mark.parametrize(
    ("estimator", "y", "line"),
    [
        (g2d.G2DClassifier, [1, "a"] * 20, "text and of other values (1 in row 1, 'a' in row 2)"),
        (g2d.G2DClassifier, [["a"], ["b", "c"]] * 20, "got y of lists, expected one class a row"),
        (g2d.G2DClassifier, [["a"], ["b"]] * 20, "got y of shape (40, 1), expected one class"),
        (g2d.G2DClassifier, [], "got X and y of no rows"),
        (g2d.G2DRegressor, [], "got X and y of no rows"),
        (g2d.G2DRegressor, ["1", "two"] * 20, "got y with 'two' in row 2, expected one number"),
        (g2d.G2DRegressor, X[:, 0] + 1j, "got y of type complex128, expected numbers"),
        (g2d.G2DRegressor, 1e39 * (1 + X[:, 0] ** 2), "not finite, or beyond 3.4e+38, in 40 of 40"),
        (g2d.G2DRegressor, [1.0, np.inf] * 20, "not finite, or beyond 3.4e+38, in 20 of 40 (50 %)"),
        (
            g2d.G2DRegressor,
            pandas.Series(pandas.date_range("2020-01-01", periods=40)),
            "got y of type datetime64",
        ),
    ],
)
def test_what_is_no_target_is_refused_in_one_line(estimator, y, line):
    with pytest.raises(UserError) as caught:
        estimator(HALVES).fit(X[: len(y)], y)
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


def test_whatever_holds_classes_and_numbers_is_read():
    flags = classes_of(pandas.Series([True, False], dtype="boolean"))
    assert flags.tolist() == [True, False]
    assert classes_of(pandas.Categorical(["u", "v"])).tolist() == ["u", "v"]
    assert numbers_of(pandas.Series([1, 2], dtype="Int64")).tolist() == [1.0, 2.0]
    assert numbers_of(np.array([True, False])).tolist() == [1.0, 0.0]


def test_weights_that_leave_one_class_are_refused_by_its_name():
    y = np.array(["old", "young"] * 20)
    for weights, named in ((y == "old", "'old' alone"), (np.zeros(40), "no class alone")):
        with pytest.raises(UserError, match=named):
            g2d.G2DClassifier(HALVES).fit(X, y, np.asarray(weights, float))
