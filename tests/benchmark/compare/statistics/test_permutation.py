"""Permutation tests against scipy's, and McNemar's as the same test of right and wrong."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from g2d.analysis.comparison import mcnemar
from g2d.benchmark.compare.statistics.permutation import DRAWS, least_p, sign_flip

ERROR = 4 * np.sqrt(0.25 / DRAWS)  # of a drawn p, four standard errors at most


@given(st.lists(st.integers(-5, 5), min_size=2, max_size=9))
def test_few_pairs_are_tested_exactly_as_scipy_does(differences):
    values = np.array(differences, float)
    theirs = stats.permutation_test(
        (values,), np.sum, permutation_type="samples", n_resamples=np.inf, vectorized=False
    )
    # Theirs doubles the smaller tail; the distribution of signs is symmetric, so both are one.
    assert sign_flip(values) == pytest.approx(min(1.0, theirs.pvalue))


@pytest.mark.parametrize("pairs", [2, 3, 5, 8, 1000])
def test_differences_of_one_sign_give_the_least_p(pairs):
    assert sign_flip(np.arange(1.0, pairs + 1)) == least_p(pairs)


def test_three_seeds_cannot_give_less_than_a_quarter():
    assert least_p(3) == 0.25


@pytest.mark.parametrize(("gained", "lost"), [(30, 20), (12, 40), (25, 25)])
def test_one_seeds_answers_give_the_p_of_mcnemar(gained, lost):
    before = np.repeat([False, True, True], [gained, lost, 100])
    after = np.repeat([True, False, True], [gained, lost, 100])
    drawn = sign_flip(after.astype(float) - before)
    assert drawn == pytest.approx(mcnemar(before, after), abs=ERROR)


def test_many_pairs_of_all_sizes_agree_with_the_normal_limit():
    values = np.random.default_rng(3).normal(0.08, 1, size=800)
    z = values.sum() / np.sqrt((values**2).sum())
    assert sign_flip(values) == pytest.approx(2 * stats.norm.sf(abs(z)), abs=ERROR)


def test_scaling_and_turning_round_change_nothing():
    values = np.random.default_rng(4).normal(0.1, 1, size=60)
    assert sign_flip(values) == sign_flip(-values) == sign_flip(1024 * values)


def test_no_difference_is_no_evidence():
    assert sign_flip(np.zeros(5)) == 1.0
    assert sign_flip(np.zeros(500)) == 1.0
