"""Probes against scikit-learn's own pipelines, and on features whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from analysis.subjects import TASKS, subject
from g2d import Classification, Regression
from g2d.analysis.features import Features, student_features
from g2d.analysis.probe import STRENGTHS, linear_probe
from g2d.tasks import MultiLabel

pytest.importorskip("sklearn")


def features(of, target):
    """Of samples that have every modality."""
    count = len(target)
    there = dict.fromkeys(of, np.ones(count, dtype=bool))
    return Features(of, there, np.arange(count), torch.from_numpy(target))


def made(task, count, seed, noise=1.0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(count, 4)) * [1, 5, 0.1, 1] + 3
    said = rows @ np.random.default_rng(9).normal(size=(4, 3)) + noise * rng.normal(size=(count, 3))
    said -= said.mean(axis=0)
    if isinstance(task, Classification):
        target = said.argmax(axis=1)
    elif isinstance(task, MultiLabel):
        target = (said > 0).astype(int)
    else:
        target = said[:, 0]
    return features({"a": rows}, target)


def test_classes_are_those_of_scikit_learns_pipeline():
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    task = Classification(3)
    train, val, test = (made(task, 120, seed) for seed in range(3))
    found = linear_probe(task, "a", train, val, test)
    fitted = {
        c: make_pipeline(StandardScaler(), LogisticRegression(C=c, max_iter=2000)).fit(
            train.of["a"], train.target
        )
        for c in STRENGTHS
    }
    on_val = {c: model.score(val.of["a"], val.target) for c, model in fitted.items()}
    assert on_val[found.strength] == max(on_val.values())
    score = fitted[found.strength].score(test.of["a"], test.target)
    assert found.by_sample.mean() == pytest.approx(score)
    assert score > 0.7


def test_numbers_are_r_squared_of_ridge():
    from sklearn.linear_model import Ridge
    from sklearn.metrics import r2_score
    from sklearn.preprocessing import StandardScaler

    task = Regression(-60, 60, 5)
    train, val, test = (made(task, 120, seed) for seed in range(3))
    found = linear_probe(task, "a", train, val, test)
    scaler = StandardScaler().fit(train.of["a"])
    ridge = Ridge(alpha=1 / found.strength).fit(scaler.transform(train.of["a"]), train.target)
    expected = r2_score(test.target, ridge.predict(scaler.transform(test.of["a"])))
    assert found.by_sample.mean() == pytest.approx(expected, rel=1e-4)
    assert expected > 0.9


def test_labels_are_read_one_by_one():
    task = MultiLabel(3)
    train, val, test = (made(task, 200, seed, noise=0.1) for seed in range(3))
    train.target[:, 2] = 1  # a label without two sides is answered as it always was
    found = linear_probe(task, "a", train, val, test)
    always = (test.target[:, 2] == 1).double().mean().item()
    assert found.by_sample.mean() == pytest.approx((2 * 0.97 + always) / 3, abs=0.03)


def test_features_that_say_nothing_are_guesses():
    task = Classification(3)
    rng = np.random.default_rng(0)
    parts = [
        features(
            {"a": rng.normal(size=(300, 4)), "b": np.zeros((300, 2))}, rng.integers(3, size=300)
        )
        for _ in range(3)
    ]
    for name in ("a", "b"):
        assert linear_probe(task, name, *parts).by_sample.mean() == pytest.approx(1 / 3, abs=0.08)


@pytest.mark.parametrize("task", TASKS)
def test_who_is_absent_is_neither_fitted_nor_scored(task):
    mine = subject(task, masked=True)
    parts = [student_features(mine.model, mine.batches(name)) for name in ("train", "val", "test")]
    found = linear_probe(mine.task, "b", *parts)
    mask = parts[2].there["b"]
    assert np.array_equal(np.isfinite(found.by_sample), mask)
    for part in parts:  # whatever stands in the place of an absent modality
        part.of["b"][~part.there["b"]] = 1e6
    again = linear_probe(mine.task, "b", *parts)
    assert np.array_equal(found.by_sample, again.by_sample, equal_nan=True)
