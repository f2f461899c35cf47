"""A linear model on the features of all modalities together."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    add,
    head_readouts,
    kept,
    linear_heads,
    presence,
)

# Numbers on the unit range are kept so far from its ends, where a logit is infinite.
_EDGE = 1e-6


class LinearFusion(Fusion):
    """z = b + Σ_m (W_m f_m + b_m), over the modalities that are there.

    The unimodal logits of a modality are b + W_m f_m + b_m: the fused logits where the
    others are absent. As in every linear model of numbers with mean 0, an absent modality adds
    nothing.

    Args:
        widths: Feature width of every modality.
        outputs: Width of the logits.
        unit: Whether the sum is a number on the unit range, whose logit is predicted: a
            regression by least squares.

    Example:
        >>> fusion = LinearFusion({"sound": 4, "image": 6}, outputs=3)
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> torch.allclose(logits, unimodal["sound"] + unimodal["image"] - fusion.bias)
        True
    """

    has_own_heads = True
    least_modalities = 1

    def __init__(self, widths: Mapping[str, int], outputs: int, unit: bool = False) -> None:
        super().__init__(widths, outputs)
        self.unit = unit
        self.heads = linear_heads(widths, outputs)
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the terms of the modalities that are there."""
        masks = presence(features, present)
        terms = head_readouts(self.heads, features, masks)
        alone = {name: self._logits(self.bias + term) for name, term in terms.items()}
        unimodal = {name: kept(logits, masks.get(name)) for name, logits in alone.items()}
        return self._logits(self.bias + add(terms)), unimodal

    def _logits(self, total: Tensor) -> Tensor:
        return logits_of_unit(total) if self.unit else total


def logits_of_unit(value: Tensor) -> Tensor:
    """The logits of numbers on the unit range, which are kept off its ends."""
    return value.logit(eps=_EDGE)
