"""What the convolutional encoders share: pictures and clips in, tokens and features out."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn

from g2d.errors import UserError


class MapEncoder(nn.Module, ABC):
    """An encoder that turns every frame into a feature map and averages it.

    The input is a picture or spectrogram `(B, C, H, W)`, or a clip `(B, C, T, H, W)` whose frames
    are encoded one by one: f = mean over t, h, w of map(x_t). Batch norm therefore sees B·T frames.

    Everything runs in channels-last memory. The results are the same up to rounding, convolutions
    are faster, and the tokens are a view of the map, so that pooling them costs no copy.

    Args:
        channels: Channels of the input.
        feature_width: Channels of the map.
    """

    def __init__(self, channels: int, feature_width: int) -> None:
        super().__init__()
        self.channels = channels
        self.feature_width = feature_width

    @abstractmethod
    def feature_map(self, frames: Tensor) -> Tensor:
        """The map `(N, feature_width, h, w)` of frames `(N, C, H, W)`."""

    def tokens(self, inputs: Tensor) -> Tensor:
        """One token for every position of the map, and every frame: `(B, T·h·w, feature_width)`.

        Raises:
            UserError: The input has another shape.
        """
        if inputs.ndim not in (4, 5) or inputs.shape[1] != self.channels:
            raise UserError(
                f"{type(self).__name__} got an input of shape {tuple(inputs.shape)}, expected "
                f"(B, {self.channels}, H, W) or (B, {self.channels}, T, H, W); reshape it, or "
                "build the encoder with the channels it has"
            )
        maps = self.feature_map(_frames(inputs))
        return maps.permute(0, 2, 3, 1).reshape(inputs.shape[0], -1, self.feature_width)

    def pool(self, tokens: Tensor) -> Tensor:
        """The mean of the tokens, `(B, feature_width)`."""
        return tokens.mean(dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        """Encodes to features `(B, feature_width)`."""
        return self.pool(self.tokens(inputs))


def initialise(module: nn.Module) -> None:
    """The paper's initialisation of convolutional encoders, in channels-last memory.

    Convolutions: Kaiming-normal over the fan-out. Batch norms: weight 1, bias 0.
    """
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)
    # the stubs of torch do not know `memory_format` alone
    module.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def refuse_single_value(encoder: nn.Module, frames: Tensor, stride: int) -> None:
    """Refuses to train on one frame whose map, a `stride`-th in size, is a single position.

    Raises:
        UserError: Batch norm would have one value to take the variance of.
    """
    count, _, height, width = frames.shape
    if encoder.training and count == 1 and max(height, width) <= stride:
        raise UserError(
            f"{type(encoder).__name__} got one frame of {height} x {width} to train on, expected 2 "
            "or more because batch norm cannot normalise a single value; use larger batches, or "
            "drop the last one"
        )


def _frames(inputs: Tensor) -> Tensor:
    """Frames `(N, C, H, W)` in channels-last memory, with one copy at the most."""
    if inputs.ndim == 4:
        return inputs.contiguous(memory_format=torch.channels_last)
    return inputs.permute(0, 2, 3, 4, 1).contiguous().flatten(0, 1).permute(0, 3, 1, 2)
