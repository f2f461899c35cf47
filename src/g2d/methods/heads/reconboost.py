"""One head for all modalities, and the sum of its logits for each, times a learned rate."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.methods.heads.mla import adapters, common_width
from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    add,
    kept,
    presence,
    without_absent,
    xavier,
)


class BoostedSum(Fusion):
    """z = η Σ_m z_m with z_m = h(A_m f_m), one h for all modalities and η learned from 1 on.

    The unimodal logits of a modality are z_m. A_m is a linear adapter where a modality's features
    are not of the common width, else nothing. Absent modalities are left out of the sum. Tokens are
    not fused; features are pooled.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        hidden: Width of the head's hidden layer; 0 for a linear head.

    Raises:
        UserError: The hidden width is negative.

    Example:
        >>> import torch
        >>> fusion = BoostedSum({"sound": 4, "image": 4}, outputs=3)
        >>> features = {name: torch.randn(2, 4) for name in fusion.widths}
        >>> logits, unimodal = fusion(features)
        >>> torch.allclose(logits, fusion.rate * (unimodal["sound"] + unimodal["image"]))
        True
    """

    def __init__(self, widths: Mapping[str, int], outputs: int, hidden: int = 256) -> None:
        super().__init__(widths, outputs)
        if hidden < 0:
            raise UserError(f"hidden must be 0 or more, got {hidden}")
        self.adapters = adapters(widths)
        sizes = [common_width(widths), *([hidden] if hidden else []), outputs]
        layers: list[nn.Module] = []
        for inside, outside in pairwise(sizes):
            layers += [nn.Linear(inside, outside), nn.ReLU()]
            xavier(layers[-2])
        self.head = nn.Sequential(*layers[:-1])
        self.rate = nn.Parameter(torch.ones(()))

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum of the modalities that are there, times the rate."""
        masks = presence(features, present)
        there = without_absent(features, masks)
        unimodal = {
            name: kept(self.head(adapt(there[name])), masks.get(name))
            for name, adapt in self.adapters.items()
        }
        return self.rate * add(unimodal), unimodal
