"""Divisions are disjoint, complete, and what their names say."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.data.policies import by_group, clean, select_on_test
from g2d.errors import UserError


@given(st.lists(st.integers(0, 9), min_size=3, max_size=60).filter(lambda g: len(set(g)) >= 3))
def test_no_group_is_in_two_splits(groups):
    named = np.array(groups)
    parts = by_group(named)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(groups)))
    owners = [set(named[rows].tolist()) for rows in parts]
    assert all(owners)
    assert not any(a & b for a, b in combinations(owners, 2))


def test_groups_of_one_size_come_out_in_the_shares_asked_for():
    parts = by_group(np.repeat(np.arange(91), 80))
    sizes = [len(rows) / (91 * 80) for rows in parts]
    assert sizes == pytest.approx([0.8, 0.1, 0.1], abs=0.02)


def test_two_groups_cannot_make_three_splits():
    with pytest.raises(UserError, match="got 2 groups, expected 3 or more"):
        by_group(np.array([0, 0, 1]))


def test_cremad_sizes_of_the_specification():
    """int(0.9 * 6698) = 6028 stay, 670 validate."""
    labels = np.random.default_rng(0).integers(0, 6, 7442)
    train, val, test = clean(np.arange(6698), np.arange(6698, 7442), labels)
    assert (len(train), len(val), len(test)) == (6028, 670, 744)
    assert sorted([*train, *val]) == list(range(6698))
    share = np.bincount(labels[val], minlength=6) / np.bincount(labels[:6698], minlength=6)
    assert share == pytest.approx(np.full(6, 0.1), abs=0.005)


def test_selecting_on_test_says_so_by_using_it_twice():
    division = select_on_test(np.arange(5), np.arange(5, 8))
    assert division.val is division.test
