"""Bytes become normalised channels."""

from __future__ import annotations

import numpy as np
import torch

from g2d.data.readers.pictures import PictureReader


def test_every_channel_is_scaled_by_its_own_numbers():
    pixels = np.random.default_rng(0).integers(0, 256, (4, 5, 6, 3), dtype=np.uint8)
    mean, std = (0.507, 0.468, 0.307), (0.194, 0.201, 0.170)
    found = PictureReader(pixels, mean, std).read(np.array([2, 0]))
    assert found.dtype == torch.float32
    assert found.shape == (2, 3, 5, 6)
    for place, row in enumerate([2, 0]):
        for c in range(3):
            expected = (pixels[row, :, :, c] / 255.0 - mean[c]) / std[c]
            np.testing.assert_allclose(found[place, c].numpy(), expected, atol=1e-5)
