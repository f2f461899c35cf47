"""Stratified parts: disjoint, complete, of like composition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from g2d.data.partition import stratified_parts
from g2d.errors import UserError


@given(
    labels=st.lists(st.integers(0, 4), min_size=1, max_size=80),
    cuts=st.tuples(st.floats(0, 1), st.floats(0, 1)),
    seed=st.integers(0, 10),
)
def test_parts(labels, cuts, seed):
    labels = np.array(labels)
    first, last = sorted(round(cut * len(labels)) for cut in cuts)
    sizes = [first, last - first, len(labels) - last]
    parts = stratified_parts(labels, sizes, np.random.default_rng(seed))
    assert [len(part) for part in parts] == sizes
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(labels)))
    for part in parts:
        for label in set(labels.tolist()):
            expected = len(part) * (labels == label).mean()
            assert abs((labels[part] == label).sum() - expected) <= 5  # one for each class


def test_deterministic():
    labels = np.arange(100) % 7
    one, two = (stratified_parts(labels, [50, 20], np.random.default_rng(3)) for _ in range(2))
    for a, b in zip(one, two, strict=True):
        np.testing.assert_array_equal(a, b)


def test_too_many():
    with pytest.raises(UserError, match="out of 3"):
        stratified_parts(np.zeros(3), [2, 2], np.random.default_rng(0))


@pytest.mark.parametrize("kind", [int, str])
def test_classes_are_drawn_one_after_the_other(kind: type) -> None:
    """What is sorted once is what a look at all rows for every class finds."""
    labels = np.random.default_rng(5).integers(30, size=200).astype(kind)
    rng, place = np.random.default_rng(7), np.empty(200)
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        place[rows] = (rng.permutation(len(rows)) + rng.random()) / len(rows)
    order = np.argsort(place, kind="stable")
    expected = [rng.permutation(order[:100]), rng.permutation(order[100:150])]
    found = stratified_parts(labels, [100, 50], np.random.default_rng(7))
    assert all(np.array_equal(a, b) for a, b in zip(found, expected, strict=True))
