"""The encoder of the paper's audio-visual models: ResNet-18 without its last layer."""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d.models.encoders.maps import MapEncoder, initialise, refuse_single_value
from g2d.models.encoders.pretrained import load_pretrained


class ResNet18(MapEncoder):
    """ResNet-18 trunk: 512 channels, one position for every 32 × 32 pixels (rounded up).

    Stem (7 × 7 convolution with stride 2, batch norm, ReLU, 3 × 3 max-pool with stride 2), then
    four stages of two basic blocks with 64, 128, 256 and 512 channels, the last three of them
    halving the map. The feature is the mean of the map over positions, and over frames for clips;
    it is never negative. Initialised as in the paper, which trains it from scratch.

    The parts carry torchvision's names, so that its published weights fit where the channels are 3.

    Args:
        channels: Channels of the input.
        weights: A file of published weights (`.pt`, `.pth` or `.safetensors`) to begin with.

    Raises:
        UserError: The weights cannot be read or belong to another network.

    Attributes:
        feature_width: 512.

    Example:
        >>> import torch
        >>> encoder = ResNet18(channels=1).eval()
        >>> (
        ...     encoder(torch.zeros(2, 1, 64, 96)).shape,
        ...     encoder.tokens(torch.zeros(2, 1, 64, 96)).shape,
        ... )
        (torch.Size([2, 512]), torch.Size([2, 6, 512]))
    """

    def __init__(self, channels: int = 1, weights: str | Path | None = None) -> None:
        super().__init__(channels, feature_width=512)
        self.conv1 = nn.Conv2d(channels, 64, kernel_size=7, stride=2, padding=3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.layer1 = _stage(64, 64, stride=1)
        self.layer2 = _stage(64, 128, stride=2)
        self.layer3 = _stage(128, 256, stride=2)
        self.layer4 = _stage(256, 512, stride=2)
        initialise(self)
        if weights is not None:
            load_pretrained(self, weights)

    def feature_map(self, frames: Tensor) -> Tensor:
        """The map `(N, 512, ⌈H/32⌉, ⌈W/32⌉)`.

        Raises:
            UserError: Training on a single frame of at most 32 × 32: batch norm would have one
                value to take the variance of.
        """
        refuse_single_value(self, frames, stride=32)
        x = F.relu(self.bn1(self.conv1(frames)), inplace=True)
        x = F.max_pool2d(x, kernel_size=3, stride=2, padding=1)
        maps: Tensor = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return maps


class _Block(nn.Module):
    """y = ReLU(BN(conv(ReLU(BN(conv(x))))) + shortcut(x)), both convolutions 3 × 3."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample: nn.Module | None = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: Tensor) -> Tensor:
        shortcut = x if self.downsample is None else self.downsample(x)
        x = F.relu(self.bn1(self.conv1(x)), inplace=True)
        x = self.bn2(self.conv2(x))
        return F.relu(torch.add(x, shortcut), inplace=True)


def _stage(inputs: int, outputs: int, stride: int) -> nn.Sequential:
    return nn.Sequential(_Block(inputs, outputs, stride), _Block(outputs, outputs, stride=1))
