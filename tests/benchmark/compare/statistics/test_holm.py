"""Holm's correction against the closed test that it is the short form of."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.benchmark.compare.statistics.holm import holm


def closed_bonferroni(values):
    """The largest Bonferroni p of all sets of hypotheses that hold the one in question."""
    places = range(len(values))
    found = []
    for one in places:
        every = (
            chosen
            for size in range(1, len(values) + 1)
            for chosen in combinations(places, size)
            if one in chosen
        )
        found.append(max(min(1.0, len(c) * min(values[i] for i in c)) for c in every))
    return found


@given(st.lists(st.floats(0, 1), max_size=6))
def test_it_is_the_closed_bonferroni_test(values):
    assert holm(values) == pytest.approx(closed_bonferroni(values))
