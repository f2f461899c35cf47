"""Intervals hold what they claim, over samples and over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from g2d.analysis.intervals import _T, interval, least_half_width, over_seeds, resamples


def test_the_quantiles_are_students():
    for freedom, quantile in enumerate(_T, 1):
        assert quantile == pytest.approx(stats.t.ppf(0.975, freedom), abs=1e-3)


def test_numbers_without_samples_get_students_interval():
    values = np.array([0.2, 0.5, 0.4, 0.7])
    low, high = stats.t.interval(0.95, 3, values.mean(), stats.sem(values))
    found = over_seeds(values)
    assert (found.low, found.high) == pytest.approx((low, high), abs=1e-3)


def test_one_seed_has_an_interval_over_samples_and_none_over_seeds():
    rows = np.random.default_rng(0).normal(size=400)
    draws = resamples(400) @ rows / 400
    found = interval(np.array([rows.mean()]), draws[None])
    assert found.rows == pytest.approx(1.96 * rows.std() / 20, rel=0.1)
    assert found.seeds == math.inf
    assert found.as_dict()["low"] is None


@pytest.mark.parametrize("own", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seeds", [2, 3, 5])
def test_the_truth_lies_in_19_of_20_intervals(own, seeds):
    """Samples differ, seeds differ, and each seed judges each sample in its own way."""
    rng = np.random.default_rng(3)
    rows, hits = 60, 0
    draws = resamples(rows) / rows
    for _ in range(400):
        values = rng.normal(size=(1, rows)) + rng.normal(size=(seeds, rows))
        values = 0.3 * values + own * rng.normal(size=(seeds, 1))
        found = interval(values.mean(axis=1), values @ draws.T)
        hits += found.low <= 0 <= found.high
    assert 0.92 <= hits / 400 <= 1


def test_the_floor_is_wilsons():
    for n in (3, 10, 45, 300):
        result = stats.binomtest(n, n).proportion_ci(method="wilson")
        assert 2 * least_half_width(n) == pytest.approx(result.high - result.low, abs=1e-4)
