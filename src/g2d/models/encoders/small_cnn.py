"""A light convolutional encoder, for quick work on a CPU."""

from __future__ import annotations

from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

from g2d.models.encoders.maps import MapEncoder, initialise


class SmallCNN(MapEncoder):
    """Four convolutions, each with batch norm and ReLU, and the mean of the map.

    A 5 × 5 convolution, then three of 3 × 3. Each halves every side that is longer than 4, and the
    first quarters sides longer than 48: there the large maps, which cost most, never exist. Inputs
    from 8 × 8 to about 256 × 256 all end as a map of a few positions, with a hundredth of the work
    of ResNet-18.

    Args:
        channels: Channels of the input.
        width: Channels of the map.

    Attributes:
        feature_width: `width`.

    Example:
        >>> import torch
        >>> encoder = SmallCNN(channels=1, width=32)
        >>> (
        ...     encoder(torch.zeros(2, 1, 28, 28)).shape,
        ...     encoder.tokens(torch.zeros(2, 1, 28, 28)).shape,
        ... )
        (torch.Size([2, 32]), torch.Size([2, 16, 32]))
    """

    def __init__(self, channels: int = 1, width: int = 128) -> None:
        super().__init__(channels, feature_width=width)
        sizes = [channels, 16, 32, 64, width]
        self.convs = nn.ModuleList(
            nn.Conv2d(before, after, 5 if i == 0 else 3, bias=False)
            for i, (before, after) in enumerate(pairwise(sizes))
        )
        self.norms = nn.ModuleList(nn.BatchNorm2d(size) for size in sizes[1:])
        initialise(self)

    def feature_map(self, frames: Tensor) -> Tensor:
        """The map `(N, width, h, w)`; a side of up to 4 pixels keeps its length."""
        x = frames
        for i, (conv, norm) in enumerate(zip(self.convs, self.norms, strict=True)):
            assert isinstance(conv, nn.Conv2d)
            stride = [_stride(side, first=i == 0) for side in x.shape[2:]]
            x = F.conv2d(x, conv.weight, stride=stride, padding=conv.kernel_size[0] // 2)
            x = F.relu(norm(x), inplace=True)
        return x


def _stride(side: int, first: bool) -> int:
    if first and side > 48:
        return 4
    return 2 if side > 4 else 1
