"""One column of numbers a model: the probability of one of two classes, or a prediction."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import expit

from table.fusing.written import fitted, models, predicted, refused, write

RNG = np.random.default_rng(9)
TRUTH = RNG.integers(0, 2, 120)


def chances():
    return expit(2 * (2 * TRUTH - 1) + RNG.normal(size=120))


def labels(folder, names, truth=TRUTH):
    return write(folder / "labels.csv", ["state"], [[names[one]] for one in truth])


def one(folder, column, **rows):
    return models(folder, [column], **{name: np.array(row)[:, None] for name, row in rows.items()})


@pytest.mark.parametrize(
    ("names", "column", "of"),
    [
        (["no", "yes"], "p", "yes"),
        (["No", "Yes"], "p", "Yes"),
        (["0", "1"], "p", "1"),
        (["0.0", "1.0"], "p", "1"),
        (["-1", "1"], "p", "1"),
        (["False", "True"], "p", "true"),
        (["ham", "spam"], "spam", "spam"),
        (["ham", "spam"], "p(spam)", "spam"),
        (["1", "2"], "2", "2"),
    ],
)
def test_a_probability_of_one_of_two_classes(tmp_path, capsys, names, column, of):
    labels(tmp_path, names)
    said = {name: chances() for name in "ab"}
    found = fitted(tmp_path, one(tmp_path, column, **said))
    assert found["task"]["kind"] == "classification"
    assert found["positive"] == {"a": of, "b": of}
    for name, row in said.items():
        expected = ((row > 0.5) == TRUTH).mean()
        assert found["measured"][name]["accuracy"] == pytest.approx(expected)
    told = capsys.readouterr().out
    assert "2 classes" in told
    assert f"probabilities of {of}" in told
    weights = found["weights"]
    answers = predicted(tmp_path, one(tmp_path, column, a=[0.9, 0.2], b=[0.8, 0.4]))
    logit = weights["a"] * np.log([9, 1 / 4]) + weights["b"] * np.log([4, 2 / 3])
    got = [float(row[of]) for row in answers]
    np.testing.assert_allclose(got, expit(logit), atol=1e-4)
    assert [row["prediction"] == of for row in answers] == [True, False]


def test_a_column_called_by_the_other_class_is_of_that_class(tmp_path):
    labels(tmp_path, ["no", "yes"])
    a, b = chances(), chances()
    said = one(tmp_path, "yes", a=a) + one(tmp_path, "no", b=1 - b)
    found = fitted(tmp_path, said)
    assert found["positive"] == {"a": "yes", "b": "no"}
    expected = ((b > 0.5) == TRUTH).mean()
    assert found["measured"]["b"]["accuracy"] == pytest.approx(expected)


def test_which_class_it_is_of_is_asked_where_nothing_tells(tmp_path, capsys):
    truth = labels(tmp_path, ["ham", "spam"])
    a, b = chances(), chances()
    said = one(tmp_path, "p", a=a, b=b)
    line = refused(capsys, *said, "--labels", truth)
    assert "a: one column, 'p', and the classes are ham and spam" in line
    assert "--positive CLASS" in line
    found = fitted(tmp_path, said, "--positive", "spam")
    expected = ((a > 0.5) == TRUTH).mean()
    assert found["measured"]["a"]["accuracy"] == pytest.approx(expected)
    found = fitted(tmp_path, said, "--positive", "ham")
    assert found["measured"]["a"]["accuracy"] == pytest.approx(1 - expected)
    line = refused(capsys, *said, "--labels", truth, "--positive", "eggs")
    assert "--positive: got 'eggs', expected ham or spam" in line
    called = one(tmp_path, "ham", a=1 - a, b=1 - b)
    line = refused(capsys, *called, "--labels", truth, "--positive", "spam")
    assert "a: its column is called 'ham'" in line


def test_the_name_that_pandas_gives_is_not_the_class_0(tmp_path, capsys):
    truth = labels(tmp_path, ["0", "1"])
    said = one(tmp_path, "0", a=chances(), b=chances())
    assert "--positive CLASS" in refused(capsys, *said, "--labels", truth)
    assert fitted(tmp_path, said, "--positive", "1")["measured"]["a"]["accuracy"] > 0.8


@pytest.mark.parametrize(
    ("names", "column", "of"),
    [
        (["no", "yes"], "No", "no"),
        (["no", "yes"], "P(NO)", "no"),
        (["no", "yes"], "prob_no", None),
        (["0", "1"], "proba 0", None),
        (["0", "1"], "proba_1", "1"),
        (["false", "true"], "is-false", None),
    ],
)
def test_a_column_that_speaks_of_the_negative_class(tmp_path, capsys, names, column, of):
    truth = labels(tmp_path, names)
    said = one(tmp_path, column, a=chances(), b=chances())
    if of is None:
        assert "--positive CLASS" in refused(capsys, *said, "--labels", truth)
    else:
        assert fitted(tmp_path, said)["positive"]["a"] == of


def test_logits_of_one_class(tmp_path, capsys):
    truth = labels(tmp_path, ["no", "yes"])
    a, b = 3 * TRUTH - 1.5 + RNG.normal(size=120), chances()
    said = one(tmp_path, "score", a=a, b=b)
    found = fitted(tmp_path, said)
    assert found["probabilities"] == {"a": False, "b": True}
    expected = ((a > 0) == TRUTH).mean()
    assert found["measured"]["a"]["accuracy"] == pytest.approx(expected)
    assert "logits of yes" in capsys.readouterr().out
    percent = one(tmp_path, "p", a=100 * b, b=b)
    assert "a: no number is negative" in refused(capsys, *percent, "--labels", truth)


def test_numbers_beyond_0_and_1_for_labels_0_and_1_are_asked_about(tmp_path, capsys):
    truth = labels(tmp_path, ["0", "1"])
    said = one(tmp_path, "y", a=TRUTH + RNG.normal(0, 0.3, 120), b=TRUTH + RNG.normal(0, 0.3, 120))
    line = refused(capsys, *said, "--labels", truth)
    assert "give --task regression" in line
    assert "--task classification" in line
    assert fitted(tmp_path, said, "--task", "regression")["task"]["kind"] == "regression"
    found = fitted(tmp_path, said, "--task", "classification")
    assert found["probabilities"] == {"a": False, "b": False}
    inside = one(tmp_path, "y", a=chances(), b=chances())
    assert fitted(tmp_path, inside, "--task", "regression")["task"]["kind"] == "regression"


def test_one_column_and_a_column_a_class_may_be_mixed(tmp_path, capsys):
    labels(tmp_path, ["no", "yes"])
    a, b = chances(), chances()
    said = one(tmp_path, "p", a=a)
    said += models(tmp_path, ["yes", "no"], b=np.stack([b, 1 - b], axis=1))
    found = fitted(tmp_path, said)
    for name, row in {"a": a, "b": b}.items():
        expected = ((row > 0.5) == TRUTH).mean()
        assert found["measured"][name]["accuracy"] == pytest.approx(expected)
    assert found["positive"] == {"a": "yes"}
    turned = models(tmp_path, ["no", "yes"], a=[[0.1, 0.9]]) + one(tmp_path, "no", b=[0.2])
    (row,) = predicted(tmp_path, turned)
    assert row["prediction"] == "yes"
    wrong = one(tmp_path, "no", a=[0.1], b=[0.2])
    line = refused(capsys, *wrong, "--weights", tmp_path / "ensemble.json")
    assert "a: its column is called 'no', and --positive, or the fit, takes its numbers for" in line


def test_the_class_of_a_column_is_not_taken_where_there_is_none(tmp_path, capsys):
    truth = labels(tmp_path, ["no", "yes"])
    b = chances()
    said = models(tmp_path, ["no", "yes"], a=np.stack([1 - b, b], 1), b=np.stack([1 - b, b], 1))
    line = refused(capsys, *said, "--labels", truth, "--positive", "yes")
    assert "--positive is for a model's only column" in line


def test_one_column_is_not_enough_for_three_classes(tmp_path, capsys):
    truth = labels(tmp_path, ["cat", "dog", "owl"], np.arange(120) % 3)
    said = one(tmp_path, "p", a=chances(), b=chances())
    line = refused(capsys, *said, "--labels", truth)
    assert "'state' holds 3 classes (cat, dog, owl), and each model has one column" in line
    assert "expected a column for each class" in line


def test_numbers_of_few_values_are_numbers_still(tmp_path, capsys):
    stars = np.arange(120) % 5 + 1
    write(tmp_path / "labels.csv", ["stars"], stars[:, None])
    said = one(tmp_path, "p", a=stars + RNG.normal(0, 1, 120), b=stars + RNG.normal(0, 1, 120))
    assert fitted(tmp_path, said)["task"]["kind"] == "regression"
    assert "labelled rows: numbers" in capsys.readouterr().out
    write(tmp_path / "labels.csv", ["stars"], [*stars[:-1, None].tolist(), ["many"]])
    line = refused(capsys, *said, "--labels", tmp_path / "labels.csv")
    assert "row 120: the target 'many' is no number" in line
    assert "--order" in refused(
        capsys, *said, "--labels", tmp_path / "labels.csv", "--order", "1,2,3,4,5"
    )


def test_labels_of_one_class_are_refused(tmp_path, capsys):
    truth = labels(tmp_path, ["1", "1"])
    line = refused(capsys, *one(tmp_path, "p", a=chances(), b=chances()), "--labels", truth)
    assert "'state' is '1' in every row; expected 2 classes or more" in line
