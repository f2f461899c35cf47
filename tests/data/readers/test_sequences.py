"""Sequences come out standardised, of one length, and only padding is zero."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st

from g2d.data.readers.sequences import SequenceReader, fit_scale


def random_sequences(lengths, width=3, seed=0):
    rng = np.random.default_rng(seed)
    return [(1e4 + 7 * rng.normal(size=(n, width))).astype(np.float32) for n in lengths]


lengths = st.lists(st.integers(0, 9), min_size=1, max_size=8).filter(any)


@given(lengths=lengths, seed=st.integers(0, 99), at_once=st.integers(1, 80))
def test_the_scale_is_that_of_all_steps_together(lengths, seed, at_once):
    sequences = random_sequences(lengths, seed=seed)
    together = np.concatenate(sequences).astype(np.float64)
    scale = fit_scale(sequences, at_once)
    np.testing.assert_allclose(scale.mean, together.mean(axis=0), rtol=1e-12)
    expected = together.std(axis=0)
    np.testing.assert_allclose(scale.std, np.where(expected > 0, expected, 1), rtol=1e-9)


@given(lengths=lengths, steps=st.integers(1, 9), last=st.booleans())
def test_cut_or_filled_up(lengths, steps, last):
    sequences = random_sequences(lengths)
    keep = "last" if last else "first"
    batch = SequenceReader(sequences, steps, keep=keep).read(np.arange(len(lengths)))
    assert batch.dtype == torch.float32
    assert batch.shape == (len(lengths), steps, 3)
    for row, whole in enumerate(sequences):
        kept = whole[max(0, len(whole) - steps) :] if last else whole[:steps]
        assert torch.equal(batch[row, : len(kept)], torch.from_numpy(kept))
        assert not batch[row, len(kept) :].any()
        assert batch[row, : len(kept)].ne(0).any(dim=1).all()


def test_the_scale_is_of_the_training_steps_that_are_read():
    sequences = random_sequences([6, 2, 4])
    sequences[1] += 1e6  # not a training sequence
    reader = SequenceReader(sequences, 3, np.array([0, 2]))
    seen = np.concatenate([sequences[0][:3], sequences[2][:3]]).astype(np.float64)
    batch = reader.read(np.array([0, 1]))
    expected = (sequences[0][:3] - seen.mean(axis=0)) / seen.std(axis=0)
    np.testing.assert_allclose(batch[0].numpy(), expected, rtol=1e-5)
    assert batch[1, :2].eq(5).all(), "far away is clipped"
    assert batch[1, 2].eq(0).all()


def test_what_is_not_finite_is_zero_before_anything_else():
    sequences = [np.array([[1.0, 2.0], [np.nan, 4.0]]), np.array([[-np.inf, 6.0]])]
    zeroed = [np.array([[1.0, 2.0], [0.0, 4.0]]), np.array([[0.0, 6.0]])]
    rows = np.array([0, 1])
    strange = SequenceReader(sequences, 2, rows).read(rows)
    assert torch.equal(strange, SequenceReader(zeroed, 2, rows).read(rows))
    assert np.isnan(sequences[0][1, 0]), "the stored numbers are left alone"


def test_a_feature_that_never_changes_does_not_blow_up():
    sequences = [np.tile(np.array([0.1, 3e7 + 0.3]), (n, 1)) for n in (3, 4)]
    assert fit_scale(sequences).std.tolist() == [1, 1]
    assert fit_scale(sequences, at_once=1).std.tolist() == [1, 1]
    batch = SequenceReader(sequences, 4, np.array([0, 1])).read(np.array([0]))
    assert batch.abs().max() < 1e-6


@given(lengths=lengths, seed=st.integers(0, 99), at_once=st.integers(1, 80))
def test_gaps_of_a_measurement_are_left_out_of_the_scale(lengths, seed, at_once):
    sequences = random_sequences(lengths, seed=seed)
    rng = np.random.default_rng(seed)
    for array in sequences:
        array[rng.random(array.shape) < 0.3] = np.nan
        array[:, 2] = np.nan  # a feature that was never measured
    together = np.concatenate(sequences).astype(np.float64)
    scale = fit_scale(sequences, at_once, gaps="mean")
    for feature in range(3):
        seen = together[:, feature][np.isfinite(together[:, feature])]
        expected = (seen.mean(), seen.std() or 1.0) if len(seen) else (0.0, 1.0)
        np.testing.assert_allclose(
            [scale.mean[feature], scale.std[feature]], expected, rtol=1e-9, atol=1e-12
        )


def test_a_gap_of_a_measurement_is_the_training_mean():
    far = np.array([[80.0, np.nan, 2.0], [np.nan, 5.0, 4.0], [90.0, np.inf, 6.0]])
    nothing = np.full((2, 3), np.nan)
    reader = SequenceReader([far, nothing], 4, np.array([0]), gaps="mean")
    root = 1.5**0.5
    expected = torch.tensor([[-1, 0, -root], [0, 0, 0], [1, 0, root], [0, 0, 0]])
    torch.testing.assert_close(reader.read(np.array([0]))[0], expected)
    assert not reader.read(np.array([1])).any(), "nothing measured is padding"
    as_zero = SequenceReader([far, nothing], 4, np.array([0])).read(np.array([0]))
    assert as_zero[0, 1, 0] < -1.4, "0 mm is far from where the marker is"
