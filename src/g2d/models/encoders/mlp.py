"""An encoder for feature vectors."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.base import xavier


class MLP(nn.Module):
    """x ← ReLU(W x + b), once for each hidden layer and once for the feature.

    The feature is never negative, as those of the convolutional encoders.

    Args:
        inputs: Width of the input vectors.
        width: Width of the feature.
        hidden: Widths of the layers between; `()` for none.
        dropout: Share of the hidden units that are dropped in training.

    Attributes:
        feature_width: `width`.

    Example:
        >>> import torch
        >>> MLP(inputs=10, width=8, hidden=(32, 16))(torch.zeros(4, 10)).shape
        torch.Size([4, 8])
    """

    def __init__(
        self,
        inputs: int,
        width: int = 128,
        hidden: Sequence[int] = (256,),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.inputs = inputs
        self.feature_width = width
        sizes = [inputs, *hidden, width]
        layers: list[nn.Module] = []
        for before, after in pairwise(sizes):
            if layers and dropout > 0:
                layers.append(nn.Dropout(dropout))
            linear = nn.Linear(before, after)
            xavier(linear)
            layers += [linear, nn.ReLU()]
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features `(B, width)` of vectors `(B, inputs)`.

        Raises:
            UserError: The input has another shape.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.inputs:
            raise UserError(
                f"MLP got an input of shape {tuple(inputs.shape)}, expected (B, {self.inputs}); "
                "flatten it, or build the encoder with the width it has"
            )
        features: Tensor = self.layers(inputs)
        return features
