"""Stretches of spectrograms: the middle one, or any, all equally often."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from g2d.data.readers.spectrograms import SpectrogramReader
from g2d.errors import UserError

RAMP = (
    np.broadcast_to(np.arange(9, dtype=np.float16), (5, 2, 9)) + np.arange(5)[:, None, None] * 100
)
ARRAY = RAMP.astype(np.float16)


def test_whole_rows_as_they_are_stored():
    reader = SpectrogramReader(ARRAY)
    read = reader.read(np.array([3, 1]))
    assert read.dtype == torch.float32
    assert read.shape[1:] == reader.shape == (1, 2, 9)
    assert (read[:, 0].numpy() == ARRAY[[3, 1]]).all()
    assert not SpectrogramReader(ARRAY, columns=9, augment=True).augments


def test_the_middle_in_evaluation():
    reader = SpectrogramReader(ARRAY, columns=4)
    assert not reader.augments
    assert reader.read(np.array([1]))[0, 0].tolist() == [[102, 103, 104, 105]] * 2


def test_any_stretch_in_training_equally_often():
    reader = SpectrogramReader(ARRAY, columns=4, augment=True)
    assert reader.augments
    torch.manual_seed(0)
    read = reader.read(np.zeros(1200, int))
    assert (read == read[:, :, :1, :1] + torch.arange(4)).all()
    counts = np.bincount(read[:, 0, 0, 0].int().numpy(), minlength=6)
    assert len(counts) == 6
    assert (np.abs(counts - 200) < 5 * np.sqrt(200)).all()
    torch.manual_seed(0)
    assert torch.equal(read, reader.read(np.zeros(1200, int)))


def test_what_half_precision_costs():
    """Logarithms of magnitudes, from the floor to that of the loudest tone."""
    logs = np.linspace(np.log(1e-7), np.log(512), 100_001).astype(np.float32).reshape(1, 1, -1)
    read = SpectrogramReader(logs.astype(np.float16)).read(np.array([0]))[0].numpy()
    error = np.abs(read - logs)
    assert error[logs > -16].max() < 0.00391
    assert error.max() < 0.00782


def test_too_long_a_stretch_is_refused():
    with pytest.raises(UserError, match="columns=10 of spectrograms with 9"):
        SpectrogramReader(ARRAY, columns=10)
