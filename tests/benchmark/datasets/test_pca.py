"""PCA against scikit-learn, and against the cumulative shares counted on MNIST."""

import numpy as np
import pytest
import sklearn.decomposition
from hypothesis import given, settings
from hypothesis import strategies as st

from g2d.benchmark.datasets.idx import read_idx
from g2d.benchmark.datasets.pca import PCA
from g2d.errors import UserError


def rows_of(n, d, seed):
    rng = np.random.default_rng(seed)
    return rng.standard_normal((n, d)) * np.geomspace(1, 0.05, d) @ rng.standard_normal((d, d)) + 3


@pytest.mark.parametrize("energy", [0.1, 0.5, 0.9, 0.99])
def test_against_sklearn(energy):
    train, other = rows_of(200, 12, 0), rows_of(30, 12, 1)
    ours = PCA.fit(train, energy)
    theirs = sklearn.decomposition.PCA(n_components=energy, svd_solver="full").fit(train)
    assert len(ours.components) == theirs.n_components_
    np.testing.assert_allclose(ours.cumulative, np.cumsum(theirs.explained_variance_ratio_))
    expected = theirs.inverse_transform(theirs.transform(other))
    np.testing.assert_allclose(ours.reconstruct(other), expected)


@settings(max_examples=40)
@given(n=st.integers(2, 20), d=st.integers(1, 8), seed=st.integers(0, 99), share=st.floats(0.01, 1))
def test_properties(n, d, seed, share):
    rows = rows_of(n, d, seed)
    pca = PCA.fit(rows, share)
    k = len(pca.components)
    np.testing.assert_allclose(pca.components @ pca.components.T, np.eye(k), atol=1e-9)
    assert pca.cumulative[-1] >= share - 1e-9
    assert k == 1 or pca.cumulative[-2] < share
    once = pca.reconstruct(rows)
    np.testing.assert_allclose(pca.reconstruct(once), once, atol=1e-8)
    kept = ((once - rows.mean(0)) ** 2).sum() / ((rows - rows.mean(0)) ** 2).sum()
    np.testing.assert_allclose(kept, pca.cumulative[-1], atol=1e-9)


def test_everything_kept_is_identity():
    rows = rows_of(50, 6, 0)
    np.testing.assert_allclose(PCA.fit(rows, 1.0).reconstruct(rows), rows)


@pytest.mark.parametrize("energy", [0.0, -1.0, 1.1, float("nan")])
def test_energy_out_of_range(energy):
    with pytest.raises(UserError, match="energy"):
        PCA.fit(rows_of(5, 2, 0), energy)


def test_constant_rows():
    with pytest.raises(UserError, match="differ"):
        PCA.fit(np.ones((4, 3)), 0.5)


def test_mnist(real_data):
    pixels = read_idx(real_data / "mnist" / "t10k-images-idx3-ubyte.gz").reshape(10000, -1)
    pca = PCA.fit(pixels, 0.34)
    np.testing.assert_allclose(pca.cumulative, [0.1005, 0.1759, 0.2373, 0.2916, 0.3419], atol=5e-5)
    assert len(PCA.fit(pixels, 0.25).components) == 4
