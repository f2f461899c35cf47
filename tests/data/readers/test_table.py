"""Gaps are filled and columns standardised by the training rows alone."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from g2d.data.readers.table import TableReader
from g2d.errors import UserError


@given(seed=st.integers(0, 1000), gaps=st.floats(0, 0.6), scale=st.sampled_from([1e-3, 1.0, 1e5]))
def test_it_is_what_scikit_learn_does(seed, gaps, scale):
    rng = np.random.default_rng(seed)
    table = (scale * rng.normal(3, 1, (30, 4))).astype(np.float32)
    table[rng.random((30, 4)) < gaps] = np.nan
    table[0] = scale  # no column is empty in training
    train = np.concatenate([[0], rng.permutation(np.arange(1, 30))[:15]])
    filled = SimpleImputer().fit(table[train].astype(float)).transform(table.astype(float))
    fitted = SimpleImputer().fit_transform(table[train].astype(float))
    expected = StandardScaler().fit(fitted).transform(filled)
    found = TableReader(table, train).read(np.arange(30)).numpy()
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-4)


def test_other_rows_have_no_say():
    table = np.random.default_rng(1).normal(size=(8, 3))
    train = np.arange(5)
    before = TableReader(table, train).read(train)
    changed = table.copy()
    changed[5:] = [[np.nan, 1e6, -1e6]] * 3
    assert TableReader(changed, train).read(train).equal(before)


@pytest.mark.parametrize("value", [0.0, 0.1, 101325.7])
def test_a_constant_column_stays_finite(value):
    """The mean of equal numbers may differ from them in the last digit."""
    table = np.full((11, 2), value, np.float32)
    table[3, 0] = np.nan
    table[10] = value + 2
    found = TableReader(table, np.arange(10)).read(np.arange(11)).numpy()
    np.testing.assert_allclose(found[:10], 0, atol=1e-6)
    np.testing.assert_allclose(found[10], 2, atol=0.01)


def test_a_column_that_is_empty_in_training_is_refused():
    table = np.array([[1.0, np.nan], [2.0, np.nan], [3.0, 4.0]])
    with pytest.raises(UserError, match="column 2 of the table has no value in any of the 2 train"):
        TableReader(table, np.array([0, 1]))
