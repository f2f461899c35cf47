"""The encoder of the paper's weather readings: a small network for rows of a table."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.base import xavier


class TabularNet(nn.Module):
    """x ← drop(ReLU(BN(W x + b))), once for every width, from a row of numbers to its feature.

    With the default widths it is the weather network of MIS-ME, whose 8 readings it turns into 16
    features.

    Args:
        inputs: Numbers in a row; they should be standardised.
        widths: Width of every layer; the last one is the feature's.
        dropout: Share of the units dropped after the first layers in training; the layers beyond
            have none.

    Raises:
        UserError: There is no layer, or there are more dropouts than layers.

    Attributes:
        feature_width: The last width.

    Example:
        >>> import torch
        >>> TabularNet(inputs=8)(torch.randn(4, 8)).shape
        torch.Size([4, 16])
    """

    def __init__(
        self,
        inputs: int,
        widths: Sequence[int] = (256, 128, 64, 32, 16),
        dropout: Sequence[float] = (0.3, 0.2, 0.1),
    ) -> None:
        super().__init__()
        if not 1 <= len(widths) >= len(dropout):
            raise UserError(
                f"got widths {list(widths)} and dropout {list(dropout)}, expected a width or more "
                "and no more dropouts than widths"
            )
        self.inputs = inputs
        self.feature_width = widths[-1]
        layers: list[nn.Module] = []
        for place, width in enumerate(widths):
            linear = nn.Linear(widths[place - 1] if place else inputs, width)
            xavier(linear)
            layers += [linear, nn.BatchNorm1d(width), nn.ReLU()]
            if place < len(dropout):
                layers.append(nn.Dropout(dropout[place]))
        self.layers = nn.Sequential(*layers)

    def forward(self, inputs: Tensor) -> Tensor:
        """Features `(B, widths[-1])` of rows `(B, inputs)`.

        Raises:
            UserError: The input has another shape, or is a single row to train on: batch norm
                would have one value to take the variance of.
        """
        if inputs.ndim != 2 or inputs.shape[1] != self.inputs:
            raise UserError(
                f"TabularNet got an input of shape {tuple(inputs.shape)}, expected "
                f"(B, {self.inputs}); build the encoder with the width it has"
            )
        if self.training and len(inputs) == 1:
            raise UserError(
                "TabularNet got one row to train on, expected 2 or more because batch norm cannot "
                "normalise a single value; use larger batches, or drop the last one"
            )
        features: Tensor = self.layers(inputs)
        return features
