"""Whether the numbers of a table are probabilities or logits, told by the numbers themselves."""

from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.special import expit, softmax

from table.fusing.written import fitted, models, predicted, refused, write

RNG = np.random.default_rng(5)
MANY = [f"c{place:02}" for place in range(100)]
TRUTH = RNG.integers(0, 100, 400)
FEW = ["cat", "dog", "owl"]
OF_FEW = TRUTH % 3


def logits(strength, truth=TRUTH, classes=100):
    return strength * np.eye(classes)[truth] + RNG.normal(size=(len(truth), classes))


def few(strength=2.0):
    return logits(strength, OF_FEW, 3)


def labels(folder, names, truth):
    return write(folder / "labels.csv", ["kind"], [[names[one]] for one in truth])


def test_rounded_probabilities_of_many_classes_are_probabilities(tmp_path):
    labels(tmp_path, MANY, TRUTH)
    shares = {name: softmax(logits(4), axis=1).round(2) for name in "ab"}
    assert abs(shares["a"].sum(axis=1) - 1).max() > 0.15
    found = fitted(tmp_path, models(tmp_path, MANY, **shares))
    assert found["probabilities"] == {"a": True, "b": True}
    # an exponent of probabilities is of the size of 1; of logits read off them it was above 40
    assert max(found["weights"].values()) < 5


def test_rounded_numbers_keep_their_digits_in_single_precision(tmp_path):
    pandas = pytest.importorskip("pandas")
    labels(tmp_path, MANY, TRUTH)
    said = []
    for name in "ab":
        shares = softmax(logits(4), axis=1).round(2).astype(np.float32)
        said.append(f"{name}={tmp_path / name}.parquet")
        pandas.DataFrame(shares, columns=MANY).to_parquet(tmp_path / f"{name}.parquet")
    assert fitted(tmp_path, said)["probabilities"] == {"a": True, "b": True}


def test_probabilities_of_each_class_by_itself_are_asked_about(tmp_path, capsys):
    truth = labels(tmp_path, FEW, OF_FEW)
    plain, apart = softmax(few(), axis=1), expit(few())
    said = models(tmp_path, FEW, a=plain, b=apart)
    line = refused(capsys, *said, "--labels", truth)
    assert "b: all numbers lie from 0 to 1, as probabilities do, but row 1 sums to" in line
    assert line.endswith("else give --of b=probabilities or --of b=logits")
    assert fitted(tmp_path, said, "--of", "b=probabilities")["probabilities"] == {
        "a": True,
        "b": True,
    }
    capsys.readouterr()
    found = fitted(tmp_path, said, "--of", "b=logits")
    assert found["probabilities"] == {"a": True, "b": False}
    told = capsys.readouterr().out
    assert "probabilities" in told
    assert "logits" in told


def test_one_broken_row_of_probabilities_does_not_make_them_logits(tmp_path, capsys):
    truth = labels(tmp_path, FEW, OF_FEW)
    shares = softmax(few(), axis=1)
    broken = shares.copy()
    broken[6] /= 4
    line = refused(capsys, *models(tmp_path, FEW, a=shares, b=broken), "--labels", truth)
    assert "row 7 sums to 0.25 (1 of 400 rows are such)" in line


@pytest.mark.parametrize(("times", "what"), [(100, "100"), (500, "500")])
def test_percentages_and_votes_are_refused(tmp_path, capsys, times, what):
    truth = labels(tmp_path, FEW, OF_FEW)
    shares = np.array([RNG.multinomial(times, row) for row in softmax(few(), axis=1)])
    line = refused(capsys, *models(tmp_path, FEW, a=shares, b=shares), "--labels", truth)
    assert f"a: the rows of the table sum to {what}; write shares from 0 to 1" in line


def test_rounded_percentages_of_many_classes_are_refused(tmp_path, capsys):
    truth = labels(tmp_path, MANY, TRUTH)
    shares = (100 * softmax(logits(4), axis=1)).round()
    line = refused(capsys, *models(tmp_path, MANY, a=shares, b=shares), "--labels", truth)
    assert "sum to 100" in line


def test_a_column_of_something_else_is_not_taken_for_logits(tmp_path, capsys):
    truth = labels(tmp_path, FEW, OF_FEW)
    rows = [[*row, place % 5 + 0.5] for place, row in enumerate(softmax(few(), axis=1))]
    line = refused(capsys, *models(tmp_path, [*FEW, "time"], a=rows, b=rows), "--labels", truth)
    assert "a: no number is negative, as some logits are, and the largest is 4.5 (time)" in line


def test_percentages_of_several_labels_are_asked_about(tmp_path, capsys):
    bits = np.array([[1, 0], [0, 1], [1, 1]])[OF_FEW]
    cells = [[("wet", "cold", "wet|cold")[one]] for one in OF_FEW]
    truth = write(tmp_path / "labels.csv", ["state"], cells)
    percent = 100 * expit(3 * (2 * bits - 1) + RNG.normal(size=bits.shape))
    said = models(tmp_path, ["wet", "cold"], a=percent, b=percent)
    assert "a: no number is negative" in refused(capsys, *said, "--labels", truth)
    said = models(tmp_path, ["wet", "cold"], a=percent / 100, b=percent / 100)
    assert fitted(tmp_path, said)["probabilities"] == {"a": True, "b": True}


def test_what_is_said_must_be_possible(tmp_path, capsys):
    truth = labels(tmp_path, FEW, OF_FEW)
    said = models(tmp_path, FEW, a=few(), b=few())
    words = [*said, "--labels", truth, "--of"]
    assert "a: --of gives it as probabilities, and row 1 has" in refused(
        capsys, *words, "a=probabilities"
    )
    assert "--of: got 'chances'" in refused(capsys, *words, "chances")
    assert "--of: got 'c=logits'" in refused(capsys, *words, "c=logits")


def test_a_few_new_rows_of_logits_may_lie_from_0_to_1(tmp_path, capsys):
    labels(tmp_path, FEW, OF_FEW)
    fitted(tmp_path, models(tmp_path, FEW, a=few(), b=few()))
    new = [[0.9, 0.2, 0.4]]
    (row,) = predicted(tmp_path, models(tmp_path, FEW, a=new, b=new))
    assert row["prediction"] == "cat"
    shares = [[0.7, 0.2, 0.1]]
    said = models(tmp_path, FEW, a=new, b=shares)
    weights = tmp_path / "ensemble.json"
    line = refused(capsys, *said, "--weights", weights)
    assert "b: holds probabilities, and the ensemble was fitted on its logits" in line
    (row,) = predicted(tmp_path, said, "--of", "b=logits")
    scale = json.loads(weights.read_text())["weights"]
    expected = softmax(scale["a"] * np.array(new) + scale["b"] * np.array(shares), axis=1)
    assert float(row["cat"]) == pytest.approx(expected[0, 0], abs=1e-5)


def test_a_probability_that_was_rounded_to_0_is_not_one_in_a_million(tmp_path):
    labels(tmp_path, MANY, TRUTH)
    exact = {name: softmax(1.3 * logits(4), axis=1) for name in "ab"}
    found, lost = {}, {}
    for form, digits in (("exact", 16), ("rounded", 2)):
        said = models(tmp_path, MANY, **{n: rows.round(digits) for n, rows in exact.items()})
        found[form] = fitted(tmp_path, said)
        rows = predicted(tmp_path, said)
        right = [float(row[MANY[one]]) for row, one in zip(rows, TRUTH, strict=True)]
        lost[form] = -np.log(right).mean()
    assert found["exact"]["least"] == {"a": 1e-6, "b": 1e-6}
    assert found["rounded"]["least"] == {"a": 0.0025, "b": 0.0025}  # half of what rounds to 0
    assert lost["rounded"] < 1.25 * lost["exact"]
    # a new table need not show its digits
    new = np.eye(100)[:1]
    (row,) = predicted(tmp_path, models(tmp_path, MANY, a=new, b=new))
    exponent = sum(found["rounded"]["weights"].values())
    ratio = float(row["c01"]) / float(row["c00"])
    assert ratio == pytest.approx((0.0025 / 0.9975) ** exponent, rel=1e-3)
