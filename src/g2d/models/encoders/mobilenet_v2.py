"""The encoder of the paper's field pictures: MobileNetV2 without its last layer."""

from __future__ import annotations

from pathlib import Path

from torch import Tensor, nn

from g2d.models.encoders.maps import MapEncoder, initialise, refuse_single_value
from g2d.models.encoders.pretrained import load_pretrained

# Table 2 of the paper: expansion, channels, blocks, and stride of the first of them.
_STAGES = (
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
)


class MobileNetV2(MapEncoder):
    """MobileNetV2 trunk: 1280 channels, one position for every 32 × 32 pixels (rounded up).

    A 3 × 3 convolution with stride 2 to 32 channels, seventeen inverted residual blocks in seven
    stages, and a 1 × 1 convolution to 1280 channels; batch norm after every convolution. The
    feature is the mean of the map over positions, and over frames for clips; it is never negative.

    Sandler et al., *MobileNetV2: Inverted Residuals and Linear Bottlenecks*, CVPR 2018
    (arXiv 1801.04381), Table 2. The parts carry torchvision's names, so that its published weights
    fit. Without weights it begins as the paper's other convolutional encoders do.

    Args:
        channels: Channels of the input.
        weights: A file of published weights (`.pt`, `.pth` or `.safetensors`) to begin with.

    Raises:
        UserError: The weights cannot be read or belong to another network.

    Attributes:
        feature_width: 1280.

    Example:
        >>> import torch
        >>> encoder = MobileNetV2().eval()
        >>> encoder.tokens(torch.zeros(2, 3, 64, 96)).shape
        torch.Size([2, 6, 1280])
    """

    def __init__(self, channels: int = 3, weights: str | Path | None = None) -> None:
        super().__init__(channels, feature_width=1280)
        parts = [_conv(channels, 32, size=3, stride=2)]
        width = 32
        for expansion, outputs, blocks, stride in _STAGES:
            for block in range(blocks):
                parts.append(_Block(width, outputs, 1 if block else stride, expansion))
                width = outputs
        parts.append(_conv(width, self.feature_width))
        self.features = nn.Sequential(*parts)
        initialise(self)
        if weights is not None:
            load_pretrained(self, weights)

    def feature_map(self, frames: Tensor) -> Tensor:
        """The map `(N, 1280, ⌈H/32⌉, ⌈W/32⌉)`.

        Raises:
            UserError: Training on a single frame of at most 32 × 32: batch norm would have one
                value to take the variance of.
        """
        refuse_single_value(self, frames, stride=32)
        maps: Tensor = self.features(frames)
        return maps


class _Block(nn.Module):
    """An inverted residual: expand by a 1 × 1, filter by channel, and narrow without a ReLU."""

    def __init__(self, inputs: int, outputs: int, stride: int, expansion: int) -> None:
        super().__init__()
        hidden = inputs * expansion
        parts = [] if expansion == 1 else [_conv(inputs, hidden)]
        self.conv = nn.Sequential(
            *parts,
            _conv(hidden, hidden, size=3, stride=stride, groups=hidden),
            nn.Conv2d(hidden, outputs, 1, bias=False),
            nn.BatchNorm2d(outputs),
        )
        self.adds = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.conv(x)
        return x + found if self.adds else found


def _conv(inputs: int, outputs: int, size: int = 1, stride: int = 1, groups: int = 1) -> nn.Module:
    """ReLU6(BN(conv(x)))."""
    return nn.Sequential(
        nn.Conv2d(inputs, outputs, size, stride, size // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
        nn.ReLU6(inplace=True),
    )
