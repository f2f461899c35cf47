"""What the labels are: classes, classes in order, several labels or numbers."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import softmax

from table.fusing.written import fitted, models, predicted, refused, write

RNG = np.random.default_rng(8)
STEPS = ["poor", "fair", "good"]
TRUTH = RNG.integers(0, 3, 150)


def logits(strength=2.0, truth=TRUTH, classes=3):
    return strength * np.eye(classes)[truth] + RNG.normal(size=(len(truth), classes))


def labels(folder, cells):
    return write(folder / "labels.csv", ["grade"], [[cell] for cell in cells])


def test_classes_in_order_are_answered_by_the_median_and_judged_by_their_error(tmp_path, capsys):
    truth = labels(tmp_path, [STEPS[one] for one in TRUTH])
    rows = {name: softmax(logits(1.5), axis=1) for name in "ab"}
    columns = ["fair", "good", "poor"]  # neither as the order nor as the alphabet has them
    said = models(tmp_path, columns, **{n: r[:, [1, 2, 0]] for n, r in rows.items()})
    found = fitted(tmp_path, said, "--order", "poor,fair,good")
    assert found["task"] == {"kind": "classification", "classes": STEPS, "selects": "mae"}
    for name, shares in rows.items():
        median = (shares.cumsum(axis=1) < 0.5).sum(axis=1)
        expected = abs(median - TRUTH).mean()
        assert found["measured"][name]["mae"] == pytest.approx(expected)
    told = capsys.readouterr().out
    assert "3 classes in order, poor < fair < good" in told
    assert "mae alone" in told
    words = [*said, "--labels", truth, "--order"]
    line = refused(capsys, *words, "poor,good")
    assert "--order: got poor, good, expected every class once, from the lowest" in line
    assert "fair, good, poor" in line
    assert "--order" in refused(capsys, *words, "poor,fair,good,good")
    split = [[0.2, 0.4, 0.4]]  # in the order of the columns: fair, good, poor
    (row,) = predicted(tmp_path, models(tmp_path, columns, a=split, b=split))
    assert row["prediction"] == "fair"  # the least likely, between two alike
    assert list(row)[2:] == STEPS


def test_classes_called_by_numbers_are_classes_where_each_has_a_column(tmp_path, capsys):
    truth = RNG.integers(0, 30, 300)
    labels(tmp_path, truth)
    names = [str(one) for one in range(30)]
    said = {n: logits(4, truth, 30) for n in "ab"}
    found = fitted(tmp_path, models(tmp_path, names, **said))
    assert found["task"] == {"kind": "classification", "classes": names}
    expected = (said["a"].argmax(axis=1) == truth).mean()
    assert found["measured"]["a"]["accuracy"] == pytest.approx(expected)
    assert "30 classes" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("columns", "cells"),
    [
        (["0.0", "1.0", "2.0"], ["0", "1", "2"]),
        (["0", "1", "2"], ["0.0", "1.0", "2.0"]),
        (["0.5", "1.0", "1.5"], ["0.5", "1", "1.5"]),
        (["Lyon, France", "Paris, France", "France"], None),
        (["a|b", "a", "b"], None),
    ],
)
def test_labels_are_the_columns_however_their_numbers_are_written(tmp_path, columns, cells):
    labels(tmp_path, [(cells or columns)[one] for one in TRUTH])
    said = {n: logits() for n in "ab"}
    found = fitted(tmp_path, models(tmp_path, columns, **said))
    assert found["task"] == {"kind": "classification", "classes": columns}
    expected = (said["a"].argmax(axis=1) == TRUTH).mean()
    assert found["measured"]["a"]["accuracy"] == pytest.approx(expected)


def test_columns_of_true_and_false_are_the_flags_of_the_labels(tmp_path):
    truth = TRUTH % 2
    labels(tmp_path, [bool(one) for one in truth])
    said = {n: logits(2, truth, 2) for n in "ab"}
    found = fitted(tmp_path, models(tmp_path, ["False", "True"], **said))
    expected = (said["a"].argmax(axis=1) == truth).mean()
    assert found["measured"]["a"]["accuracy"] == pytest.approx(expected)


def test_the_task_can_be_said(tmp_path, capsys):
    rows = {n: logits() for n in "ab"}
    truth = labels(tmp_path, [STEPS[one] for one in TRUTH])
    said = models(tmp_path, STEPS, **rows)
    assert fitted(tmp_path, said)["task"]["kind"] == "classification"
    assert fitted(tmp_path, said, "--task", "multilabel")["task"]["kind"] == "multilabel"
    words = [*said, "--labels", truth, "--task"]
    assert "regression takes one column of each model" in refused(capsys, *words, "regression")
    line = refused(capsys, *words, "multilabel", "--order", "poor,fair,good")
    assert "--order is of classification" in line


def test_a_class_without_a_labelled_row_is_said(tmp_path, capsys):
    labels(tmp_path, [STEPS[one] for one in TRUTH])
    fitted(tmp_path, models(tmp_path, [*STEPS, "fold"], a=_with(0.1), b=_with(-1)))
    assert "no labelled row is of 1 of 4 classes (fold)" in capsys.readouterr().err


def _with(number):
    return np.concatenate([logits(), np.full((150, 1), number)], axis=1)


def test_many_columns_are_named_by_what_differs(tmp_path, capsys):
    names = [f"c{place}" for place in range(30)]
    truth = labels(tmp_path, [names[one] for one in TRUTH])
    said = models(tmp_path, names, a=logits(2, TRUTH, 30))
    said += models(tmp_path, [*names[:-1], "d"], b=logits(2, TRUTH, 30))
    line = refused(capsys, *said, "--labels", truth)
    assert line.endswith("b: lacks the columns c29 and has d; expected the same in every table")
    labels(tmp_path, ["c", *(names[one] for one in TRUTH[1:])])
    said = models(tmp_path, names, a=logits(2, TRUTH, 30), b=logits(2, TRUTH, 30))
    line = refused(capsys, *said, "--labels", truth)
    assert "'grade' holds 'c'" in line
    assert "c7 and 22 more" in line


def test_options_of_a_fit_are_not_taken_with_weights(tmp_path, capsys):
    labels(tmp_path, [STEPS[one] for one in TRUTH])
    said = models(tmp_path, STEPS, a=logits(), b=logits())
    fitted(tmp_path, said)
    words = [*said, "--weights", tmp_path / "ensemble.json"]
    for option in (["--order", "poor,fair,good"], ["--target", "grade"], ["--task", "regression"]):
        line = refused(capsys, *words, *option)
        assert f"{option[0]} is of the fit" in line
