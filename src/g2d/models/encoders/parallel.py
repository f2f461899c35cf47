"""Several encoders of one modality, side by side."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn


class ParallelEncoders(nn.Module):
    """Concatenates the features of several encoders of one modality.

    Args:
        encoders: Of the same modality.
        widths: Of their features.

    Example:
        >>> both = ParallelEncoders([nn.Linear(4, 8), nn.Linear(4, 2)], widths=[8, 2])
        >>> both(torch.randn(3, 4)).shape
        torch.Size([3, 10])
    """

    def __init__(self, encoders: Sequence[nn.Module], widths: Sequence[int]) -> None:
        super().__init__()
        self.encoders = nn.ModuleList(encoders)
        self.feature_width = sum(widths)

    def forward(self, inputs: Any) -> Tensor:
        """Encodes to features `(B, width)`."""
        return torch.cat([encoder(inputs) for encoder in self.encoders], dim=1)
