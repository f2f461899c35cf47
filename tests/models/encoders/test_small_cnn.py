"""The light encoder: sizes, equations, and every input it is made for."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.errors import UserError
from g2d.models.encoders import SmallCNN


def map_from_equations(encoder: SmallCNN, x: Tensor) -> Tensor:
    """In train mode: convolution, batch statistics, ReLU, four times over."""
    for layer, conv in enumerate(encoder.convs):
        stride = []
        for side in x.shape[2:]:
            stride.append(4 if layer == 0 and side > 48 else 2 if side > 4 else 1)
        x = F.conv2d(x, conv.weight, stride=tuple(stride), padding=2 if layer == 0 else 1)
        var, mean = torch.var_mean(x, dim=(0, 2, 3), unbiased=False, keepdim=True)
        x = ((x - mean) / (var + 1e-5).sqrt()).clamp(min=0)
    return x


@pytest.mark.parametrize(
    ("size", "map_size"),
    [((8, 8), (4, 4)), ((28, 28), (4, 4)), ((112, 112), (4, 4)), ((257, 188), (9, 6)),
     ((129, 20), (5, 3)), ((1, 4), (1, 4))],
)  # fmt: skip
def test_map_sizes(size: tuple[int, int], map_size: tuple[int, int]) -> None:
    assert SmallCNN(width=24).feature_map(torch.zeros(2, 1, *size)).shape == (2, 24, *map_size)


def test_equals_its_equations() -> None:
    torch.manual_seed(0)
    encoder, x = SmallCNN(channels=3, width=40), torch.randn(4, 3, 50, 30)
    expected = map_from_equations(encoder, x)
    torch.testing.assert_close(encoder.feature_map(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(x), expected.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.pool(encoder.tokens(x)), encoder(x))
    assert encoder.feature_width == 40


@torch.no_grad()
def test_a_clip_is_the_mean_of_its_frames() -> None:
    encoder, clip = SmallCNN(channels=3).eval(), torch.randn(2, 3, 4, 20, 24)
    frames = torch.stack([encoder(clip[:, :, t]) for t in range(4)]).mean(dim=0)
    torch.testing.assert_close(encoder(clip), frames, rtol=1e-4, atol=1e-5)


def test_trains_on_a_single_sample() -> None:
    encoder = SmallCNN()
    encoder(torch.randn(1, 1, 8, 8)).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())


def test_says_which_shape_it_wants() -> None:
    with pytest.raises(UserError, match=r"SmallCNN got an input of shape \(2, 10\), expected"):
        SmallCNN()(torch.zeros(2, 10))
