"""Metrics of weighted samples against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn import metrics

from g2d.benchmark.compare.statistics.samples import samples_of
from g2d.tasks import Classification, MultiLabel, Regression

RNG = np.random.default_rng(0)
WEIGHTS = RNG.integers(0, 4, size=40).astype(float)


def said(logits, target, **more):
    return {"logits/fused": logits, "target": target, "index": np.arange(len(target)), **more}


def test_accuracy():
    logits, target = RNG.normal(size=(40, 3)).astype(np.float32), RNG.integers(0, 3, size=40)
    found = samples_of(said(logits, target), Classification(3), "fused", "accuracy")
    expected = metrics.accuracy_score(target, logits.argmax(1), sample_weight=WEIGHTS)
    assert found(WEIGHTS[None])[0] == pytest.approx(expected)


def test_right_bits_of_labels():
    logits, target = RNG.normal(size=(40, 2)).astype(np.float32), RNG.integers(0, 2, size=(40, 2))
    found = samples_of(said(logits, target), MultiLabel(2), "fused", "accuracy")
    expected = 1 - metrics.hamming_loss(target, logits > 0, sample_weight=WEIGHTS)
    assert found(WEIGHTS[None])[0] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mape", metrics.mean_absolute_percentage_error),
        ("mae", metrics.mean_absolute_error),
        ("rmse", metrics.root_mean_squared_error),
        ("r2", metrics.r2_score),
    ],
)
def test_regression(name, expected):
    task = Regression(low=1.0, high=9.0, std=2.0)
    logits = RNG.normal(size=(40, 1)).astype(np.float32)
    target = RNG.uniform(1, 9, size=40).astype(np.float32)
    found = samples_of(said(logits, target), task, "fused", name)
    answers = task.predict(torch.from_numpy(logits)).numpy()
    truth = expected(target.astype(float), answers.astype(float), sample_weight=WEIGHTS)
    assert found(WEIGHTS[None])[0] == pytest.approx(truth, rel=1e-5)
    whole = task.metrics(torch.from_numpy(logits), torch.from_numpy(target))[name]
    assert found(np.ones((1, 40)))[0] == pytest.approx(whole)


def test_absent_samples_do_not_count():
    logits, target = np.eye(2, dtype=np.float32)[[0, 0, 1]], np.array([0, 1, 0])
    present = {"present/fused": np.array([True, True, False])}
    found = samples_of(said(logits, target, **present), Classification(2), "fused", "accuracy")
    assert found(np.ones((1, 3)))[0] == 0.5
    assert found.count == 2


def test_other_samples_do_not_pair():
    logits, target = np.eye(2, dtype=np.float32), np.array([0, 1])
    one = samples_of(said(logits, target), Classification(2), "fused", "accuracy")
    turned = samples_of(said(logits, target[::-1].copy()), Classification(2), "fused", "accuracy")
    assert one.pairs_with(one)
    assert not one.pairs_with(turned)
    assert samples_of(said(logits, target), Classification(2), "sound", "accuracy") is None


@pytest.mark.parametrize("selects", ["accuracy", "uar", "macro_f1", "mae"])
@pytest.mark.parametrize("metric", ["accuracy", "mae"])
def test_the_parts_are_those_of_the_metric_whatever_selects(selects, metric):
    rng = np.random.default_rng(6)
    logits, target = rng.normal(size=(40, 4)).astype(np.float32), rng.integers(0, 4, 40)
    task = Classification(4, selects=selects)
    measured = task.metrics(torch.from_numpy(logits), torch.from_numpy(target))
    if metric in measured:
        found = samples_of(said(logits, target), task, "fused", metric)
        assert found(np.ones((1, 40)))[0] == pytest.approx(measured[metric])


@pytest.mark.parametrize("metric", ["uar", "macro_f1"])
def test_the_metric_that_selects_has_parts_of_the_samples_that_are_there(metric):
    rng = np.random.default_rng(7)
    logits, target = rng.normal(size=(60, 3)).astype(np.float32), rng.integers(0, 3, 60)
    here = rng.random(60) < 0.7
    logits[~here] = np.nan
    given = said(logits, target, **{"present/fused": here})
    found = samples_of(given, Classification(3, selects=metric), "fused", metric)
    answers = logits[here].argmax(1)
    expected = {
        "uar": metrics.balanced_accuracy_score(target[here], answers),
        "macro_f1": metrics.f1_score(target[here], answers, average="macro"),
    }[metric]
    assert found(np.ones((1, 60)))[0] == pytest.approx(expected, abs=1e-6)
    # Around it resamples are spread as those of the metric itself are.
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=400).astype(float)
    score = {
        "uar": metrics.balanced_accuracy_score,
        "macro_f1": lambda t, a, sample_weight: metrics.f1_score(
            t, a, average="macro", sample_weight=sample_weight
        ),
    }[metric]
    itself = [score(target[here], answers, sample_weight=w[here]) for w in weights]
    assert np.std(found(weights)) == pytest.approx(np.std(itself), rel=0.25)
