"""ResNet-18 against the sizes of the specification and a trunk written from its equations."""

from __future__ import annotations

import math

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders import ResNet18


@pytest.fixture(scope="module")
def encoder() -> ResNet18:
    torch.manual_seed(0)
    encoder = ResNet18(channels=1)
    for part in encoder.modules():  # statistics that a test can see
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.5, 2.0)
            nn.init.normal_(part.weight, 1.0, 0.1)
            nn.init.normal_(part.bias, std=0.1)
    return encoder.eval()


def trunk_from_equations(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    """ResNet-18 in eval mode as a loop over stages and blocks."""

    def conv(name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = parameters[f"{name}.weight"]
        return F.conv2d(x, weight, stride=stride, padding=(weight.shape[-1] - 1) // 2)

    def norm(name: str, x: Tensor) -> Tensor:
        mean, var, scale, shift = (
            parameters[f"{name}.{part}"][None, :, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    x = norm("bn1", conv("conv1", x, stride=2)).clamp(min=0)
    x = F.pad(x, (1, 1, 1, 1)).unfold(2, 3, 2).unfold(3, 3, 2).amax(dim=(-2, -1))
    for stage in (1, 2, 3, 4):
        for block in (0, 1):
            name = f"layer{stage}.{block}"
            stride = 2 if stage > 1 and block == 0 else 1
            shortcut = x
            if stride == 2:
                shortcut = norm(f"{name}.downsample.1", conv(f"{name}.downsample.0", x, stride))
            x = norm(f"{name}.bn1", conv(f"{name}.conv1", x, stride)).clamp(min=0)
            x = (norm(f"{name}.bn2", conv(f"{name}.conv2", x)) + shortcut).clamp(min=0)
    return x


@pytest.mark.parametrize(("channels", "parameters"), [(1, 11_170_240), (3, 11_176_512)])
def test_has_the_parameters_of_the_paper(channels: int, parameters: int) -> None:
    encoder = ResNet18(channels)
    assert sum(parameter.numel() for parameter in encoder.parameters()) == parameters
    assert encoder.feature_width == 512


@pytest.mark.parametrize(
    ("size", "map_size"),
    [
        ((257, 188), (9, 6)),
        ((129, 626), (5, 20)),
        ((112, 112), (4, 4)),
        ((28, 28), (1, 1)),
        ((224, 224), (7, 7)),
    ],
)
@torch.no_grad()
def test_map_sizes(encoder: ResNet18, size: tuple[int, int], map_size: tuple[int, int]) -> None:
    assert encoder.feature_map(torch.zeros(1, 1, *size)).shape == (1, 512, *map_size)


@torch.no_grad()
def test_equals_the_trunk_from_equations(encoder: ResNet18) -> None:
    x = torch.randn(2, 1, 97, 66)
    expected = trunk_from_equations(dict(encoder.state_dict()), x)
    torch.testing.assert_close(encoder.feature_map(x), expected, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder(x), expected.mean(dim=(2, 3)), rtol=1e-4, atol=1e-5)
    tokens = expected.flatten(2).transpose(1, 2)
    torch.testing.assert_close(encoder.tokens(x), tokens, rtol=1e-4, atol=1e-5)
    assert (encoder(x) >= 0).all()


@torch.no_grad()
def test_a_clip_is_the_mean_of_its_frames(encoder: ResNet18) -> None:
    clip = torch.randn(2, 1, 3, 40, 70)
    frames = torch.stack([encoder(clip[:, :, t]) for t in range(3)]).mean(dim=0)
    torch.testing.assert_close(encoder(clip), frames, rtol=1e-4, atol=1e-5)
    tokens = torch.cat([encoder.tokens(clip[:, :, t]) for t in range(3)], dim=1)
    torch.testing.assert_close(encoder.tokens(clip), tokens, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(encoder.pool(tokens), frames, rtol=1e-4, atol=1e-5)


def test_starts_as_in_the_paper() -> None:
    torch.manual_seed(0)
    for part in ResNet18().modules():
        if isinstance(part, nn.Conv2d):
            assert part.bias is None
            fan_out = part.out_channels * part.kernel_size[0] * part.kernel_size[1]
            std = part.weight.std().item()
            # a standard deviation estimated from n numbers is off by about 1/sqrt(2n)
            slack = 5 / math.sqrt(2 * part.weight.numel())
            assert std == pytest.approx(math.sqrt(2 / fan_out), rel=slack)
        elif isinstance(part, nn.BatchNorm2d):
            assert (part.weight == 1).all()
            assert (part.bias == 0).all()


def test_runs_in_channels_last_memory_and_tokens_are_a_view(encoder: ResNet18) -> None:
    assert encoder.layer3[0].conv1.weight.is_contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        assert encoder.tokens(torch.zeros(2, 1, 64, 64)).is_contiguous()


def test_trains_on_one_frame_unless_its_map_is_a_single_position() -> None:
    encoder = ResNet18()
    encoder(torch.randn(1, 1, 33, 20)).sum().backward()
    assert encoder.conv1.weight.grad is not None
    with pytest.raises(UserError, match="one frame of 28 x 28 to train on, expected 2 or more"):
        encoder(torch.randn(1, 1, 28, 28))
    encoder(torch.randn(1, 1, 2, 28, 28))  # two frames are enough


@pytest.mark.parametrize("shape", [(2, 3, 40, 40), (2, 40, 40), (2, 3, 1, 40, 40)])
def test_says_which_shape_it_wants(encoder: ResNet18, shape: tuple[int, ...]) -> None:
    with pytest.raises(UserError, match=r"expected \(B, 1, H, W\) or \(B, 1, T, H, W\)") as error:
        encoder(torch.zeros(shape))
    assert str(shape) in str(error.value)
