"""Ranks across datasets against Demšar (2006): his example and his table of critical values."""

from __future__ import annotations

import math

import numpy as np
import pytest

from g2d.benchmark.compare.statistics.critical_difference import critical_difference, rank_rows

# Table 6: AUC of C4.5, with m, with cf, with both, on 14 datasets. In the 13th, cf and both are
# printed alike and ranked apart.
AUC = [
    [0.763, 0.768, 0.771, 0.798],
    [0.599, 0.591, 0.590, 0.569],
    [0.954, 0.971, 0.968, 0.967],
    [0.628, 0.661, 0.654, 0.657],
    [0.882, 0.888, 0.886, 0.898],
    [0.936, 0.931, 0.916, 0.931],
    [0.661, 0.668, 0.609, 0.685],
    [0.583, 0.583, 0.563, 0.625],
    [0.775, 0.838, 0.866, 0.875],
    [1.000, 1.000, 1.000, 1.000],
    [0.940, 0.962, 0.965, 0.962],
    [0.619, 0.666, 0.614, 0.669],
    [0.972, 0.981, 0.97501, 0.975],
    [0.957, 0.978, 0.946, 0.970],
]
ROWS = [("C4.5",), ("+m",), ("+cf",), ("+m+cf",)]
# Table 5a: critical values of Nemenyi's test at 0.05, by the number of rows.
Q = {2: 1.960, 3: 2.343, 4: 2.569, 5: 2.728, 6: 2.850, 7: 2.949, 8: 3.031, 9: 3.102, 10: 3.164}


@pytest.fixture(scope="module")
def example():
    names = [str(i) for i in range(14)]
    return rank_rows(np.array(AUC).T, ROWS, names, [True] * 14)


def test_mean_ranks(example):
    ranks = dict(zip(example.rows, example.ranks, strict=True))
    assert [ranks[row] for row in ROWS] == pytest.approx([3.143, 2.000, 2.893, 1.964], abs=5e-4)
    assert example.rows[0] == ("+m+cf",)


def test_statistic_and_critical_difference(example):
    ranks = np.array(example.ranks)
    plain = 12 * 14 / (4 * 5) * ((ranks**2).sum() - 4 * 5**2 / 4)
    assert plain == pytest.approx(9.28, abs=0.005)
    # His leaves ties as they are; corrected for them, the statistic is a little larger: divided by
    # 1 - sum(t^3 - t) / (N (k^3 - k)), with four pairs of equal values less one, and one of four.
    ties = sum(_tied(row) for row in AUC)
    assert example.statistic == pytest.approx(plain / (1 - ties / (14 * (4**3 - 4))))
    assert example.critical_difference == pytest.approx(1.25, abs=0.005)


def test_nothing_differs_at_this_level(example):
    # The largest difference of ranks is 1.18.
    assert example.groups == ((0, 3),)


@pytest.mark.parametrize(("rows", "q"), Q.items())
def test_critical_values(rows, q):
    expected = q * math.sqrt(rows * (rows + 1) / (6 * 20))
    assert critical_difference(rows, 20) == pytest.approx(expected, rel=5e-4)


def test_lower_may_be_better():
    errors = np.array([[1.0, 2.0], [2.0, 3.0], [3.0, 4.0]])
    found = rank_rows(errors, ROWS[:3], ["a", "b"], [False, False])
    assert found.rows == tuple(ROWS[:3])
    mixed = rank_rows(errors * [[1, -1]], ROWS[:3], ["a", "b"], [False, True])
    assert mixed.ranks == found.ranks


def test_rows_that_are_alike_everywhere_do_not_differ():
    found = rank_rows(np.ones((3, 2)), ROWS[:3], ["a", "b"], [True, True])
    assert found.p == 1.0
    assert found.groups == ((0, 2),)


def test_neighbours_within_the_difference_make_groups():
    # Ranks 1, 2, 3, 4 on 20 datasets, with a critical difference of 1.05.
    found = rank_rows(-np.tile(np.arange(4.0)[:, None], 20), ROWS, ["x"] * 20, [True] * 20)
    assert found.groups == ((0, 1), (1, 2), (2, 3))
    assert found.p < 0.001


def _tied(row):
    counts = np.unique(row, return_counts=True)[1]
    return int((counts**3 - counts).sum())
