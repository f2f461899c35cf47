"""Experts: out of fold on training rows, calibrated, and refused in words where they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Splits
from g2d.errors import UserError
from g2d.functional import fit_temperature
from g2d.shallow.experts import check_expert, fit_expert
from g2d.tasks import Classification, MultiLabel, Regression, Task

RNG = np.random.default_rng(0)
X = RNG.normal(size=(240, 3)).astype(np.float32)
NOISE = RNG.integers(0, 2, 240)


def splits_of(task: Task, target: np.ndarray, absent: np.ndarray | None = None) -> Splits:
    parts = []
    for rows in (slice(0, 120), slice(120, 180), slice(180, 240)):
        present = None if absent is None else {"own": ~absent[rows]}
        inputs = {"own": X[rows], "other": X[rows, :1]}
        parts.append(ArraySplit(inputs, target[rows], present))
    spec = DatasetSpec("d", task, {"own": (3,), "other": (1,)}, "p", "f", short_vectors={})
    return Splits(spec, *parts)


def test_training_rows_are_answered_by_who_was_not_fitted_on_them() -> None:
    """A tree knows the labels of its rows by heart; of noise it can know nothing else."""
    splits = splits_of(Classification(2), NOISE)
    said = fit_expert(splits, "own", DecisionTreeClassifier(random_state=0))
    right = (said["train"].argmax(dim=1) == splits.train.target).float().mean()
    assert 0.3 < right < 0.7
    splits = splits_of(Regression.fit(torch.from_numpy(X[:120, 0])), RNG.normal(size=240))
    said = fit_expert(splits, "own", DecisionTreeRegressor(random_state=0))
    assert splits.spec.task.metrics(said["train"], splits.train.target)["r2"] < 0.1


def test_other_splits_are_answered_by_an_expert_of_all_training_rows() -> None:
    y = (X[:, 0] + 0.5 * X[:, 1] > 0).astype(np.int64)
    splits = splits_of(Classification(2), y)
    said = fit_expert(splits, "own", LogisticRegression())
    standard = (X - X[:120].mean(axis=0)) / X[:120].std(axis=0)
    own = LogisticRegression().fit(standard[:120], y[:120])
    raw = torch.from_numpy(own.predict_log_proba(standard[120:])).float()
    temperature = fit_temperature(splits.spec.task, raw[:60], splits.val.target)
    for name, rows in (("val", slice(0, 60)), ("test", slice(60, 120))):
        expected = (raw[rows] / temperature).softmax(dim=1)
        torch.testing.assert_close(said[name].softmax(dim=1), expected, rtol=1e-2, atol=1e-3)
    assert fit_temperature(splits.spec.task, said["val"], splits.val.target) == pytest.approx(
        1, abs=0.02
    )
    assert (said["train"].argmax(dim=1) == splits.train.target).float().mean() > 0.9
    assert set(fit_expert(splits.without_test(), "own", "linear")) == {"train", "val"}


@pytest.mark.parametrize("expert", ["boosting", "linear", "svm", HistGradientBoostingClassifier()])
def test_absent_rows_teach_nothing_and_are_answered_with_zeros(expert: object) -> None:
    y = (X[:, 0] > 0).astype(np.int64)
    absent = RNG.random(240) < 0.3
    other = np.where(absent, 1 - y, y)  # who reads absent rows learns the wrong thing
    said = fit_expert(splits_of(Classification(2), other, absent), "own", expert)
    for name, rows in (("train", slice(0, 120)), ("test", slice(180, 240))):
        gone = torch.from_numpy(absent[rows])
        assert not said[name][gone].any()
        right = said[name].argmax(dim=1)[~gone] == torch.from_numpy(y[rows])[~gone]
        assert right.float().mean() > 0.85


def test_several_labels_and_numbers_have_experts_too() -> None:
    bits = np.stack([X[:, 0] > 0, X[:, 1] > 1], axis=1).astype(np.int64)
    splits = splits_of(MultiLabel(2), bits)
    for word in ("boosting", "linear", "svm"):
        said = fit_expert(splits, "own", word)
        assert splits.spec.task.metrics(said["test"], splits.test.target)["accuracy"] > 0.85
    splits = splits_of(Regression.fit(torch.from_numpy(X[:120, 0])), X[:, 0])
    for word in ("boosting", "linear", "svm"):
        said = fit_expert(splits, "own", word)
        assert splits.spec.task.metrics(said["train"], splits.train.target)["r2"] > 0.8


def test_what_cannot_teach_is_refused_in_words() -> None:
    with pytest.raises(UserError, match=r"experts.a: there is no expert 'forest'; known: boosting"):
        check_expert("forest", "experts.a")
    with pytest.raises(UserError, match="an estimator of scikit-learn, made"):
        check_expert(LogisticRegression, "experts.a")
    check_expert(LogisticRegression(), "experts.a")
