"""Crops are distributed as the reference's, and lie inside the picture."""

from __future__ import annotations

import random

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from g2d.data.readers.crops import random_crops
from reference.crops import crop


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 9))
def test_crops_lie_inside(height, width, seed):
    torch.manual_seed(seed)
    for top, left, tall, wide in random_crops(5, height, width):
        assert top >= 0
        assert left >= 0
        assert tall >= 1
        assert wide >= 1
        assert top + tall <= height
        assert left + wide <= width


@pytest.mark.parametrize("size", [(256, 341), (256, 455), (40, 300)])
def test_distributed_as_the_reference(size):
    torch.manual_seed(0)
    draw, count = random.Random(0), 6000
    ours = np.array(random_crops(count, *size), float)
    theirs = np.array([crop(*size, draw) for _ in range(count)], float)
    for a, b in zip(moments(ours), moments(theirs), strict=True):
        error = np.sqrt((a.var(axis=0) + b.var(axis=0)) / count)
        assert (np.abs(a.mean(axis=0) - b.mean(axis=0)) <= 4.5 * error + 1e-9).all()


def moments(crops: np.ndarray) -> list[np.ndarray]:
    """Numbers whose means tell distributions apart: of the parts, and of how they go together."""
    _, _, tall, wide = crops.T
    together = np.stack([tall * wide, np.log(wide / tall), np.log(wide / tall) ** 2], axis=1)
    return [crops, crops**2, together]


@pytest.mark.parametrize(
    ("size", "expected"), [((300, 6), (146, 0, 8, 6)), ((6, 300), (0, 146, 6, 8))]
)
def test_where_none_fits_the_largest_at_the_centre(size, expected):
    assert random_crops(1, *size)[0] == expected == crop(*size, random.Random(0))


def test_draws_follow_torchs_seed():
    torch.manual_seed(5)
    first = random_crops(4, 100, 90)
    assert random_crops(4, 100, 90) != first
    torch.manual_seed(5)
    assert random_crops(4, 100, 90) == first
