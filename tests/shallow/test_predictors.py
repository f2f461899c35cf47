"""Predictors answer with logits that predict what scikit-learn predicts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Perceptron, Ridge
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.svm import SVC, LinearSVC

from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError
from g2d.shallow.floors import fit_floors
from g2d.shallow.predictors import choose, fit
from g2d.tasks import Classification, MultiLabel, Regression, Task

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "kind", [LogisticRegression, LinearSVC, SVC, KNeighborsClassifier, Perceptron]
)
def test_classes_are_those_that_the_estimator_predicts(kind, classes: int) -> None:
    estimator = kind()
    y = (X[:, 0] * 2).round().astype(int) % classes
    said = fit(estimator, Classification(classes), X, torch.from_numpy(y)).logits(X)
    assert not hasattr(estimator, "classes_")  # a clone was fitted
    np.testing.assert_array_equal(said.argmax(dim=1), estimator.fit(X, y).predict(X))


def test_probabilities_are_kept_and_a_class_never_seen_is_unlikely() -> None:
    y = np.where(X[:, 0] > 0, 2, 0)
    said = fit(LogisticRegression(), Classification(3), X, torch.from_numpy(y)).logits(X)
    expected = LogisticRegression().fit(X, y).predict_proba(X)
    np.testing.assert_allclose(said.softmax(dim=1)[:, [0, 2]], expected, atol=1e-4)
    assert (said.argmax(dim=1) != 1).all()


def test_labels_have_an_estimator_each_and_one_that_is_constant_its_value() -> None:
    bits = np.stack([X[:, 0] > 0, X[:, 1] > 0.5, np.ones(120)], axis=1).astype(int)
    task = MultiLabel(3)
    said = fit(LogisticRegression(), task, X, torch.from_numpy(bits)).logits(X)
    for label in (0, 1):
        expected = LogisticRegression().fit(X, bits[:, label]).predict_proba(X)[:, 1]
        np.testing.assert_allclose(said[:, label].sigmoid(), expected, atol=1e-5)
    assert (said[:, 2].sigmoid() > 0.999).all()


def test_numbers_are_those_that_the_estimator_predicts_within_the_range_of_training() -> None:
    y = torch.from_numpy(100 + 30 * X[:, 0] + RNG.normal(size=120)).float()
    task = Regression.fit(y)
    said = task.predict(fit(Ridge(), task, X, y).logits(X))
    expected = Ridge().fit(X, y).predict(X).clip(task.low, task.high)
    np.testing.assert_allclose(said, expected, rtol=1e-3)
    boosted = fit(HistGradientBoostingRegressor(), task, X, y)
    assert task.metrics(boosted.logits(X), y)["r2"] > 0.9


def test_who_cannot_say_how_sure_it_is_is_refused_in_words() -> None:
    y = torch.from_numpy((X[:, 0] > 0).astype(int))
    with pytest.raises(UserError, match=r"got NearestCentroidOfMine.*predict_proba"):
        fit(NearestCentroidOfMine(), Classification(2), X, y)
    with pytest.raises(UserError, match=r"LogisticRegression cannot be fitted.*C"):
        fit(LogisticRegression(C=-1.0), Classification(2), X, y)


@pytest.mark.parametrize("estimator", [LogisticRegression(), HistGradientBoostingClassifier()])
def test_where_there_was_one_class_only_it_is_always_answered(estimator) -> None:
    """As in a fold or a draw that the rare class is not in."""
    fitted = fit(estimator, Classification(3), X, torch.full((120,), 2))
    assert fitted.logits(X[:5]).argmax(dim=1).tolist() == [2] * 5
    assert torch.isfinite(fitted.logits(X[:5])).all()


class NearestCentroidOfMine(NearestCentroid):
    predict_proba = property()
    decision_function = property()


def test_the_candidate_that_suits_validation_is_chosen() -> None:
    rows = RNG.normal(size=(60, 40))
    y = torch.from_numpy((rows[:, 0] + RNG.normal(size=60) > 0).astype(int))
    halves = (rows[:30], y[:30]), (rows[30:], y[30:])
    chosen = choose([LogisticRegression(C=c) for c in (0.01, 1e6)], Classification(2), *halves)
    assert chosen.parts[0].C == 0.01


def _splits(task: Task, target: np.ndarray) -> Splits:
    def part(rows: slice) -> ArraySplit:
        inputs = {"a": X[rows, :2].astype(np.float32), "b": X[rows, 2:].astype(np.float32)}
        return ArraySplit(inputs, target[rows])

    spec = DatasetSpec("own", task, {"a": (2,), "b": (2,)}, "p", "f")
    return Splits(spec, part(slice(0, 60)), part(slice(60, 90)), part(slice(90, 120)))


def test_a_class_of_weight_0_is_as_good_as_absent_and_nothing_is_printed(capfd) -> None:
    """libsvm and liblinear print, in C, that a class has no rows, and libsvm then fails."""
    rng = np.random.default_rng(0)
    task = Classification(["a", "b", "c"], weights=[1.0, 2.0, 0.0])
    x, y = rng.normal(size=(90, 3)).astype(np.float32), np.arange(90) % 3
    x[:, 0] += 3 * y
    parts = [ArraySplit({"m": x}, y) for _ in range(3)]
    floors = fit_floors(Splits(DatasetSpec("d", task, {"m": (3,)}, "p", "f"), *parts))
    assert set(floors.logits) == {"guess", "boosting", "linear", "svm"}
    for name in ("boosting", "linear", "svm"):
        said = floors.logits[name]["val"]
        assert not (said.argmax(dim=1) == 2).any()
        assert (said.argmax(dim=1) == torch.from_numpy(y))[y < 2].float().mean() > 0.9
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_guessing_is_the_commonest_class_no_label_and_the_mean() -> None:
    y = (X[:, 0] > 0.7).astype(np.int64)
    splits = _splits(Classification(2), y)
    found = {
        name: splits.spec.task.metrics(said["test"], splits.test.target)["accuracy"]
        for name, said in fit_floors(splits).logits.items()
    }
    assert found["guess"] == pytest.approx((y[90:] == 0).mean())
    assert found["linear"] > found["guess"]
    splits = _splits(MultiLabel(2), np.stack([y, 1 - y], axis=1) * (X[:, :1] > 0))
    said = fit_floors(splits).logits["guess"]["test"]
    assert not splits.spec.task.predict(said).any()
    numbers = X[:, 0].astype(np.float32)
    splits = _splits(Regression.fit(torch.from_numpy(numbers[:60])), numbers)
    floors = fit_floors(splits)
    said = splits.spec.task.predict(floors.logits["guess"]["test"])
    np.testing.assert_allclose(said, numbers[:60].mean(), rtol=1e-4)
    svm = floors.logits["svm"]["test"]
    assert splits.spec.task.metrics(svm, splits.test.target)["r2"] > 0.8


def test_withheld_test_rows_are_not_asked() -> None:
    splits = _splits(Classification(2), (X[:, 0] > 0).astype(np.int64)).without_test()
    assert {tuple(said) for said in fit_floors(splits).logits.values()} == {("val",)}
