"""What the estimators cannot use, or have seen nothing like, they say as `g2d predict` does."""

from __future__ import annotations

import warnings

import numpy as np
import pandas
import pytest

import g2d
from g2d.errors import UserError
from g2d.table.predictions_file import write_predictions
from table.makers import write_picture

QUICK = {"epochs": 1, "method": "joint"}
WORDS = ["house", "tree", "river", "stone"]
MODALITIES = {
    "photo": {"kind": "image", "column": "photo", "side": 16},
    "note": {"kind": "text", "column": "note"},
    "rest": {"kind": "tabular", "columns": ["age", "place"]},
}


def frame(rows=40, seed=0):
    rng = np.random.default_rng(seed)
    return pandas.DataFrame(
        {
            "photo": "one.png",
            "note": [" ".join(rng.choice(WORDS, 4)) for _ in range(rows)],
            "age": rng.normal(40, 10, rows).round(1),
            "place": rng.choice(["sea", "land"], rows),
        }
    )


@pytest.fixture(scope="module")
def fitted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("files")
    write_picture(folder / "one.png", np.random.default_rng(0))
    y = np.arange(40) % 2
    return g2d.G2DClassifier(MODALITIES, folder=folder, **QUICK).fit(frame(), y)


def said_of(call, *arguments):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments)
    assert all(one.category is UserWarning for one in caught)
    # of the line that called, so that Python shows it once for each such line and not once in all
    assert all(one.filename == __file__ for one in caught)
    return [str(one.message) for one in caught]


def strange():
    rows = frame(4, seed=1)
    rows["photo"] = ["nowhere.png", "one.png", "nothing.png", "one.png"]
    rows["age"] = rows["age"].astype(object)
    rows.loc[2, "age"] = "old"
    rows["place"] = ["moon", "sea", "mars", "moon"]
    return rows


def test_rows_like_those_of_fit_are_answered_without_a_word(fitted):
    for call in (fitted.predict, fitted.predict_proba, fitted.predict_unimodal):
        assert said_of(call, frame(10, seed=1)) == []


@pytest.mark.parametrize("call", ["predict", "predict_proba", "predict_unimodal"])
def test_what_is_not_used_is_said_with_its_share(fitted, call):
    unseen, photo, rest = said_of(getattr(fitted, call), strange())
    assert "in 3 of 4 (75 %) rows: place (not known from training: 'moon', 'mars')" in unseen
    assert "in 2 of 4 (50 %) rows: photo is not used, or not whole (row 1: there is" in photo
    assert "in 1 of 4 (25 %) rows: rest is not used, or not whole (row 3: age: 'old' is" in rest


def test_the_command_line_says_the_same_of_many_rows(fitted, tmp_path):
    """Whatever it says: the sentences that are of no single row are all among the warnings."""
    table = fitted.folder / "new.csv"
    strange().assign(age=["1", "2", "old", "4"]).to_csv(table, index=False)
    _, of_many, _ = write_predictions(fitted.predictor_, table, tmp_path / "out.csv")
    assert of_many
    assert set(of_many) <= set(said_of(fitted.predict, pandas.read_csv(table)))


def test_rows_of_which_nothing_can_be_used_are_said_to_get_the_shares(fitted):
    empty = frame(2).astype(object)
    empty.loc[0] = None
    without, instead = said_of(fitted.predict, empty)
    assert "in 1 of 2 (50 %) rows: no modality could be used" in without
    assert instead == "1 of 2 (50 %) rows get the commonest class in y"
    _, instead = said_of(fitted.predict_proba, empty)
    assert instead == "1 of 2 (50 %) rows get the shares of the classes in y"


def test_numbers_whose_marks_are_in_doubt_are_refused():
    rows = frame().drop(columns="photo")
    rows["age"] = [f"{age:.1f}".replace(".", ",") for age in rows["age"]]
    y = np.arange(40) % 2
    modalities = {name: MODALITIES[name] for name in ("note", "rest")}
    model = g2d.G2DClassifier(modalities, **QUICK).fit(rows, y)
    new = rows[:2].assign(age=["38.996", "40.5"])
    with pytest.raises(UserError, match="the run was trained on numbers with a decimal comma"):
        model.predict(new)


def test_columns_that_fit_was_not_given_are_named(fitted):
    assert said_of(fitted.predict, frame().assign(y=1, more="a")) == [
        "columns of X that fit was not given are not used: y and more"
    ]


@pytest.mark.parametrize("beside", ["y", "sample_weight"])
def test_an_index_in_another_order_is_said(beside):
    table = frame().drop(columns="photo")
    given = {"y": pandas.Series(np.arange(40) % 2), "sample_weight": pandas.Series(np.ones(40))}
    model = g2d.G2DClassifier(**QUICK)
    assert said_of(lambda: model.fit(table, **given)) == []
    moved = given | {beside: given[beside][::-1]}
    (said,) = said_of(lambda: model.fit(table, **moved))
    assert said.startswith(f"the index of {beside} has the rows of X in another order")
    # another set of rows, or none that is named, says nothing
    assert said_of(lambda: model.fit(table, **given | {beside: given[beside].tolist()})) == []
    moved = given | {beside: given[beside].set_axis(range(100, 140))}
    assert said_of(lambda: model.fit(table, **moved)) == []


def test_what_makes_a_result_doubtful_is_warned_of():
    rows, y = frame().drop(columns="photo"), np.arange(40) % 2
    rows["age"] = np.where(np.arange(40) % 8 == 3, -999, rows["age"])
    rows["verdict"] = np.where(y == 1, "guilty", "free")
    rows["seen"] = [f"{1 + n % 11:02d}/{1 + n % 12:02d}/2020" for n in range(40)]
    dates, same, far = said_of(g2d.G2DClassifier(**QUICK).fit, rows, y)
    assert "seen: no value tells day from month" in dates
    assert same.startswith("verdict is the target under another name")
    assert far.startswith("age: -999 in 5 of 40 (12 %) rows lies far from all other numbers")


def test_a_number_of_the_target_that_stands_for_none_is_warned_of():
    rows = frame().drop(columns="photo")
    y = np.where(np.arange(40) % 8 == 3, -999.0, rows["age"] + np.random.default_rng(2).random(40))
    (far,) = said_of(g2d.G2DRegressor(**QUICK).fit, rows, y)
    assert far.startswith("the target: -999 in 5 of 40")


def test_many_candidates_warn_once():
    rows = frame(60).drop(columns="photo")
    y = np.arange(60) % 2
    rows["verdict"] = np.where(y == 1, "guilty", "free")
    said = said_of(g2d.G2DClassifier(epochs=1).fit, rows, y)
    assert len([one for one in said if "verdict is the target" in one]) == 1
