"""The right frames, scaled as PIL does it, normalised, and at random in training only."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from data.clips import picture
from g2d.data.readers.frames import FrameReader
from g2d.errors import UserError

MEAN, STD = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
CLIP = np.stack([picture(5 * i, 1, (96, 72)) for i in range(10)])


def number_of(frame: np.ndarray, clip: np.ndarray) -> int:
    """Which frame of a clip this is, scaled to a square."""
    size = frame.shape[:2]
    squares = [np.asarray(Image.fromarray(f).resize(size, Image.Resampling.BILINEAR)) for f in clip]
    return int(np.argmin([np.abs(frame - square).mean() for square in squares]))


def pixels(read: torch.Tensor) -> np.ndarray:
    """Bytes `(B, T, h, w, 3)` of what was read."""
    values = read.permute(0, 2, 3, 4, 1).numpy() * STD + MEAN
    return np.rint(values * 255)


@pytest.mark.parametrize("size", [(96, 72), (341, 256), (40, 30)])
def test_scaled_as_pil_does_and_normalised(size):
    clip = picture(0, 2, (size[0] // 8 * 8, size[1] // 6 * 6))[None]
    read = FrameReader([clip], size=56).read(np.array([0]))
    square = Image.fromarray(clip[0]).resize((56, 56), Image.Resampling.BILINEAR)
    expected = (np.asarray(square) / 255 - MEAN) / STD
    one_step = 1 / 255 / STD.min()
    assert read.shape == (1, 3, 1, 56, 56)
    assert read.dtype == torch.float32
    assert np.abs(read[0, :, 0].permute(1, 2, 0).numpy() - expected).max() <= one_step + 1e-6


@pytest.mark.parametrize(
    ("frames", "count", "expected"),
    [
        *[(1, n, [n // 2]) for n in (1, 2, 3, 4, 5, 6)],
        (3, 10, [1, 5, 8]),
        (3, 4, [0, 2, 3]),
        (3, 3, [0, 1, 2]),
        (3, 2, [0, 1, 1]),
        (3, 1, [0, 0, 0]),
    ],
)
def test_frames_are_spread_over_the_clip(frames, count, expected):
    read = FrameReader([CLIP[:count]], frames, size=72).read(np.array([0]))
    assert [number_of(frame, CLIP) for frame in pixels(read)[0]] == expected
    assert expected == [int((i + 0.5) * count / frames) for i in range(frames)]


def test_random_frames_are_different_ones_in_their_order():
    reader = FrameReader([CLIP], 3, size=72, choose="random")
    assert reader.augments
    torch.manual_seed(0)
    seen = [
        [number_of(frame, CLIP) for frame in pixels(reader.read(np.array([0])))[0]]
        for _ in range(25)
    ]
    assert all(sorted(set(numbers)) == numbers for numbers in seen)
    assert {n for numbers in seen for n in numbers} == set(range(10))


def test_evaluation_is_always_the_same():
    reader = FrameReader([CLIP, CLIP[:4]], 3, size=32)
    assert not reader.augments
    first = reader.read(np.array([1, 0]))
    assert torch.equal(first, reader.read(np.array([1, 0])))
    assert torch.equal(first[1:], reader.read(np.array([0])))


def test_training_follows_torchs_seed_alone():
    reader = FrameReader([CLIP], 2, size=32, augment=True)
    assert reader.augments
    torch.manual_seed(1)
    first = reader.read(np.array([0]))
    np.random.seed(1)
    assert not torch.equal(first, reader.read(np.array([0])))
    torch.manual_seed(1)
    assert torch.equal(first, reader.read(np.array([0])))


def test_training_sees_parts_and_mirror_images():
    """Red grows to the right and green downwards, so that a crop says where it is from."""
    ramp = np.zeros((1, 240, 240, 3), np.uint8)
    ramp[..., 0], ramp[..., 1] = np.arange(240), np.arange(240)[:, None]
    reader = FrameReader([ramp], size=24, augment=True)
    torch.manual_seed(0)
    red, green = np.moveaxis(pixels(reader.read(np.zeros(400, int)))[:, 0, :, :, :2], -1, 0)
    across, down = red[:, 0, -1] - red[:, 0, 0], green[:, -1, 0] - green[:, 0, 0]
    mirrored = (across < 0).mean()
    assert mirrored == pytest.approx(0.5, abs=0.1)
    assert (down > 0).all()
    # what is seen is 23/24 of the crop from the middle of the first pixel to that of the last
    area = np.abs(across) * down * (24 / 23) ** 2 / 240**2
    aspect = np.abs(across) / down
    assert 0.07 < area.min() < 0.15
    assert 0.85 < area.max() < 1.02
    assert 0.7 < aspect.min() < 0.8 < 1.25 < aspect.max() < 1.42


def test_channels_come_last_in_memory():
    read = FrameReader([CLIP], 3, size=32).read(np.array([0, 0]))
    assert read.permute(0, 2, 3, 4, 1).is_contiguous()


def test_no_frame_is_refused():
    with pytest.raises(UserError, match="frames=0"):
        FrameReader([CLIP], 0)
