"""Intervals hold what they claim, over samples and over seeds."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from g2d.analysis.intervals import interval, least_half_width, over_seeds, resamples


@pytest.mark.parametrize("seeds", [3, 4, 11, 30])
def test_numbers_without_samples_get_students_interval(seeds):
    values = np.random.default_rng(1).normal(size=seeds)
    low, high = stats.t.interval(0.95, seeds - 1, values.mean(), stats.sem(values))
    found = over_seeds(values)
    assert (found.low, found.high) == pytest.approx((low, high))


@pytest.mark.parametrize("seeds", [1, 2])
def test_few_seeds_have_an_interval_over_samples_and_none_over_seeds(seeds):
    rows = np.random.default_rng(0).normal(size=400)
    draws = resamples(400) @ rows / 400
    found = interval(np.full(seeds, rows.mean()), np.stack([draws] * seeds))
    assert not found.known
    assert found.rows == pytest.approx(1.96 * rows.std() / 20, rel=0.1)
    assert found.seeds == math.inf
    assert found.as_dict()["low"] is None


@pytest.mark.parametrize("own", [0.0, 0.05, 0.2])
@pytest.mark.parametrize("seeds", [3, 5])
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


def test_the_seeds_own_spread_is_what_the_samples_do_not_explain():
    """Seeds that judge samples in ways of their own: the moments, by hand."""
    rng = np.random.default_rng(5)
    seeds, rows = 4, 200
    values = rng.normal(size=(seeds, rows)) + 0.4 * rng.normal(size=(seeds, 1))
    points, draws = values.mean(axis=1), values @ (resamples(rows) / rows).T
    each = np.mean([stats.describe(draw).variance for draw in draws])
    common = stats.describe(draws.mean(axis=0)).variance
    # Of n alike and independent parts, the mean has 1/n of the variance: what it has less than
    # each is n/(n - 1) of what each has alone.
    alone = (each - common) * seeds / (seeds - 1)
    spread = np.sqrt((stats.describe(points).variance - alone) / seeds)
    assert interval(points, draws).seeds == pytest.approx(stats.t.ppf(0.975, seeds - 1) * spread)


def test_an_interval_does_not_leave_what_is_possible():
    wide = np.array([10.0, 50.0, 99.0])
    assert over_seeds(wide).low < 0 < 100 < over_seeds(wide).high
    found = over_seeds(wide, (0.0, 100.0))
    assert (found.low, found.high) == (0.0, 100.0)


def test_the_floor_is_wilsons():
    for n in (3, 10, 45, 300):
        result = stats.binomtest(n, n).proportion_ci(method="wilson")
        assert 2 * least_half_width(n) == pytest.approx(result.high - result.low, abs=1e-4)
