"""Intervals against scipy's bootstrap and against the normal theory of means."""

from __future__ import annotations

import numpy as np
import pytest

from g2d.analysis.bootstrap import mean_of, measured, resampled_means
from g2d.analysis.intervals import resamples

VALUES = np.random.default_rng(3).gamma(2.0, size=400)


def test_the_interval_is_scipys():
    stats = pytest.importorskip("scipy.stats")
    found = mean_of(VALUES, resamples(len(VALUES)))
    theirs = stats.bootstrap(
        (VALUES,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(0)
    ).confidence_interval
    width = theirs.high - theirs.low
    assert found.value == pytest.approx(VALUES.mean())
    assert found.low == pytest.approx(theirs.low, abs=0.08 * width)
    assert found.high == pytest.approx(theirs.high, abs=0.08 * width)


def test_who_is_absent_does_not_count():
    holes = VALUES.copy()
    holes[::3] = np.nan
    found = mean_of(holes, resamples(len(holes)))
    there = holes[np.isfinite(holes)]
    assert found.value == pytest.approx(there.mean())
    error = there.std() / np.sqrt(len(there))
    assert (found.high - found.low) / 2 == pytest.approx(1.96 * error, rel=0.1)


def test_means_of_resamples_are_those_of_repeated_samples():
    draws = resamples(7)[:5]
    rows = np.arange(7.0)
    expected = [np.repeat(rows, counts.astype(int)).mean() for counts in draws]
    assert resampled_means(rows, draws) == pytest.approx(expected)


def test_nobody_there_is_not_known():
    found = mean_of(np.full(4, np.nan), resamples(4))
    assert found.text() == found.around() == "-"
    assert found.as_dict() == {"value": None, "low": None, "high": None}
    assert np.isnan(measured(0.5, np.full(3, np.nan)).low)
