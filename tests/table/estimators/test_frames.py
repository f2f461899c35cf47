"""Frames as people have them: whatever is not read is refused, and nothing is written over."""

from __future__ import annotations

import logging

import numpy as np
import pandas
import pyarrow
import pytest

import g2d
from g2d.errors import UserError

QUICK = {"epochs": 6, "learning_rate": 0.02, "method": "joint"}
WORDS = ["house", "tree", "river", "stone"]
Y = np.arange(80) % 2


def frame():
    rng = np.random.default_rng(0)
    return pandas.DataFrame(
        {"a": 4 * Y + rng.normal(size=80), "note": [" ".join(rng.choice(WORDS, 5)) for _ in Y]}
    )


def test_a_table_of_arrow_is_read_as_the_frame_is_in_any_order_of_columns():
    X = frame()
    model = g2d.G2DClassifier(**QUICK).fit(X, Y)
    again = g2d.G2DClassifier(**QUICK).fit(pyarrow.Table.from_pandas(X), Y)
    expected = model.predict_proba(X)
    other = pyarrow.Table.from_pandas(X[["note", "a"]])
    assert np.array_equal(again.predict_proba(other), expected)
    assert np.array_equal(model.predict_proba(other), expected)


@pytest.mark.parametrize("name", ["the target", "sample_weight"])
def test_a_column_may_have_any_name(name):
    X = frame().rename(columns={"a": name})
    modalities = {
        "number": {"kind": "tabular", "columns": [name]},
        "note": {"kind": "text", "column": "note"},
    }
    model = g2d.G2DClassifier(modalities, **QUICK).fit(X, Y, sample_weight=np.ones(80))
    assert model.score(X, Y) > 0.9
    assert model.feature_names_in_.tolist() == [name, "note"]


def test_a_named_index_is_a_column_that_predict_needs():
    X = frame().set_index("a")
    model = g2d.G2DClassifier(**QUICK).fit(X, Y)
    assert model.feature_names_in_.tolist() == ["a", "note"]
    assert model.score(X, Y) > 0.9
    with pytest.raises(UserError, match="X has no column 'a', which fit was given"):
        model.predict(X.reset_index(drop=True))


def test_levels_of_names_are_refused():
    with pytest.raises(UserError, match="got X whose columns have 2 levels of names, expected one"):
        g2d.G2DClassifier(**QUICK).fit(pandas.concat({"group": frame()}, axis=1), Y)


def test_rows_of_weight_0_are_not_learned_from(caplog):
    """All rows of one class of three: it is never answered, and the others are."""
    rng = np.random.default_rng(0)
    y = np.arange(120) % 3
    X = {"left": 4 * y[:, None] + rng.normal(size=(120, 2)), "right": rng.normal(size=(120, 2))}
    with caplog.at_level(logging.WARNING):
        model = g2d.G2DClassifier(**QUICK).fit(X, y, sample_weight=(y != 2))
    assert "34 of 102 (33 %) training rows have no weight above 0 in 'sample_weight'" in caplog.text
    shares = model.predict_proba(X)
    assert not shares[:, 2].any()
    assert np.mean(shares.argmax(axis=1)[y < 2] == y[y < 2]) > 0.9


@pytest.mark.parametrize(
    ("weights", "line"),
    [
        (np.ones(3), "got sample_weight of shape (3,), expected (80,), one weight a row"),
        (["much"] * 80, "got a sample_weight that is no number"),
        (np.where(Y, 1.0, -1.0), "holds -1 in row 1, and 40 of 80 (50 %) rows are below 0"),
    ],
)
def test_weights_that_are_none_are_refused(weights, line):
    for model in (g2d.G2DClassifier(**QUICK), g2d.G2DRegressor(**QUICK)):
        with pytest.raises(UserError) as caught:
            model.fit(frame(), Y, sample_weight=weights)
        assert line in str(caught.value)


def test_columns_that_are_not_used_are_named_at_fit():
    X = frame().assign(id=np.arange(80), split="train")
    with pytest.warns(UserWarning, match="columns of X that are not used: ") as caught:
        g2d.G2DClassifier(**QUICK).fit(X, Y, sample_weight=np.ones(80))
    (line,) = [str(one.message) for one in caught]
    assert "id (" in line
    assert "split (looks like splits, and fit draws its own validation)" in line
    assert "sample_weight" not in line
    assert caught[0].filename == __file__


def test_an_array_of_another_width_is_refused_and_flags_are_numbers():
    X = np.random.default_rng(0).random((80, 5)) > 0.5
    X[:, 0] = Y
    with pytest.warns(UserWarning, match="left 0 is the target under another name"):
        model = g2d.G2DClassifier({"left": [0, 1], "right": [2]}, **QUICK).fit(X, Y)
    assert model.score(X, Y) > 0.9
    with pytest.raises(UserError, match="got X of 6 columns, expected the 5 of fit"):
        model.predict(np.zeros((3, 6)))


def test_arrays_of_different_shapes_are_refused_in_words():
    steps = [np.zeros((2 + row % 3, 2)) for row in range(80)]
    with pytest.raises(UserError, match="walk: got arrays of different shapes, expected"):
        g2d.G2DClassifier(**QUICK).fit({"walk": steps, "other": np.zeros((80, 2))}, Y)
