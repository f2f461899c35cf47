"""MobileNetV2 against Table 2 of its paper and a trunk written from its equations."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.encoders import MobileNetV2

# Sandler et al. 2018, Table 2, as printed: input side, input channels, and of what stands there
# the expansion t, channels c, repetitions n and stride s. The rows without t are convolutions.
TABLE_2 = [
    (224, 3, None, 32, 1, 2),
    (112, 32, 1, 16, 1, 1),
    (112, 16, 6, 24, 2, 2),
    (56, 24, 6, 32, 3, 2),
    (28, 32, 6, 64, 4, 2),
    (14, 64, 6, 96, 3, 1),
    (14, 96, 6, 160, 3, 2),
    (7, 160, 6, 320, 1, 1),
    (7, 320, None, 1280, 1, 1),
]


@pytest.fixture(scope="module")
def encoder() -> MobileNetV2:
    torch.manual_seed(0)
    encoder = MobileNetV2()
    for part in encoder.modules():  # statistics that a test can see
        if isinstance(part, nn.BatchNorm2d):
            part.running_mean.normal_(std=0.1)
            part.running_var.uniform_(0.5, 2.0)
            nn.init.normal_(part.weight, 1.0, 0.1)
            nn.init.normal_(part.bias, std=0.1)
        if isinstance(part, nn.Conv2d):  # large enough for the ceiling of ReLU6 to be reached
            nn.init.normal_(part.weight, std=(4 / part.weight[0].numel()) ** 0.5)
    return encoder.eval()


def trunk_from_equations(parameters: dict[str, Tensor], x: Tensor) -> Tensor:
    """The rows of Table 2 in eval mode, by the names that torchvision gives their weights."""

    def conv(conv_name: str, norm_name: str, x: Tensor, stride: int = 1) -> Tensor:
        weight = parameters[f"{conv_name}.weight"]
        groups = x.shape[1] // weight.shape[1]
        x = F.conv2d(x, weight, None, stride, (weight.shape[-1] - 1) // 2, groups=groups)
        mean, var, scale, shift = (
            parameters[f"{norm_name}.{part}"][None, :, None, None]
            for part in ("running_mean", "running_var", "weight", "bias")
        )
        return (x - mean) / (var + 1e-5).sqrt() * scale + shift

    place = 0
    for _, _, expansion, _, repetitions, first_stride in TABLE_2:
        for repetition in range(repetitions):
            name, stride = f"features.{place}", 1 if repetition else first_stride
            place += 1
            if expansion is None:
                x = conv(f"{name}.0", f"{name}.1", x, stride).clamp(0, 6)
                continue
            before, part = x, 0
            if expansion > 1:
                x = conv(f"{name}.conv.0.0", f"{name}.conv.0.1", x).clamp(0, 6)
                part = 1
            x = conv(f"{name}.conv.{part}.0", f"{name}.conv.{part}.1", x, stride).clamp(0, 6)
            x = conv(f"{name}.conv.{part + 1}", f"{name}.conv.{part + 2}", x)
            if stride == 1 and before.shape == x.shape:
                x = before + x
    return x


def test_has_the_parameters_of_the_trunk(encoder: MobileNetV2) -> None:
    assert sum(parameter.numel() for parameter in encoder.parameters()) == 2_223_872
    assert encoder.feature_width == 1280
    one = MobileNetV2(channels=1)
    assert sum(parameter.numel() for parameter in one.parameters()) == 2_223_872 - 2 * 32 * 9


@torch.no_grad()
def test_walks_through_the_shapes_of_the_table() -> None:
    encoder, x, place = MobileNetV2().eval(), torch.zeros(1, 3, 224, 224), 0
    for side, channels, expansion, outputs, repetitions, stride in TABLE_2:
        assert x.shape == (1, channels, side, side)
        for _ in range(repetitions):
            inputs, layer = x.shape[1], encoder.features[place]
            convs = [part for part in layer.modules() if isinstance(part, nn.Conv2d)]
            if expansion is not None:
                hidden = inputs * expansion
                depthwise = convs[-2]
                assert depthwise.groups == depthwise.in_channels == hidden
                assert depthwise.kernel_size == (3, 3)
                assert len(convs) == (2 if expansion == 1 else 3)
            x, place = layer(x), place + 1
            assert x.shape[1] == outputs
            assert x.shape[2:] == (side // stride, side // stride)
    assert x.shape == (1, 1280, 7, 7)
    assert place == len(encoder.features) == 19


@torch.no_grad()
def test_equals_the_trunk_from_equations(encoder: MobileNetV2) -> None:
    # without ReLUs to bound them the narrow layers grow, and with them the rounding of float32
    encoder, x = copy.deepcopy(encoder).double(), torch.randn(2, 3, 97, 66, dtype=torch.float64)
    expected = trunk_from_equations(dict(encoder.state_dict()), x)
    assert expected.shape == (2, 1280, 4, 3)
    assert (expected == 6).any()
    torch.testing.assert_close(encoder.feature_map(x), expected)
    torch.testing.assert_close(encoder(x), expected.mean(dim=(2, 3)))
    assert (encoder(x) >= 0).all()


def test_starts_as_in_the_paper_and_runs_in_channels_last_memory() -> None:
    torch.manual_seed(0)
    encoder = MobileNetV2()
    for part in encoder.modules():
        if isinstance(part, nn.Conv2d):
            assert part.bias is None
            fan_out = part.out_channels * part.kernel_size[0] * part.kernel_size[1]
            slack = 5 / (2 * part.weight.numel()) ** 0.5
            assert part.weight.std().item() == pytest.approx((2 / fan_out) ** 0.5, rel=slack)
        elif isinstance(part, nn.BatchNorm2d):
            assert (part.weight == 1).all()
            assert (part.bias == 0).all()
    assert encoder.features[0][0].weight.is_contiguous(memory_format=torch.channels_last)


def test_trains_on_one_frame_unless_its_map_is_a_single_position() -> None:
    encoder = MobileNetV2()
    encoder(torch.randn(1, 3, 33, 20)).sum().backward()
    assert all(parameter.grad is not None for parameter in encoder.parameters())
    with pytest.raises(UserError, match="MobileNetV2 got one frame of 32 x 32 to train on"):
        encoder(torch.randn(1, 3, 32, 32))
    encoder(torch.randn(1, 3, 2, 32, 32))  # two frames are enough
