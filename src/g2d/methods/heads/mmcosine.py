"""Cosine fusion: logits from the angles of each feature to the classes, without lengths."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.functional.predictions import mmcosine_logits
from g2d.models.fusion.base import HeadFusion


class CosineHead(nn.Module):
    """s cos(f, W_c) for every class c; there is no bias."""

    def __init__(self, width: int, outputs: int, scale: float) -> None:
        super().__init__()
        self.scale = scale
        self.weight = nn.Parameter(torch.empty(outputs, width))
        nn.init.xavier_normal_(self.weight)

    def forward(self, feature: Tensor) -> Tensor:
        """From features `(B, d)` to logits `(B, C)` between -s and s."""
        return mmcosine_logits(feature, self.weight, self.scale)


class CosineFusion(HeadFusion):
    """z = s Σ_m cos(f_m, W_m).

    Features and class weights of each modality are set to length 1 by themselves, so no modality
    can be louder than another. The unimodal logits of a modality are its term. Absent modalities
    are left out of the sum. Tokens are not fused; features are pooled.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        scale: s, above 0. The logits lie between -s k and s k: a small s keeps the softmax from
            ever being sure.

    Raises:
        UserError: The scale is not above 0.

    Example:
        >>> import torch
        >>> fusion = CosineFusion({"sound": 4, "image": 6}, outputs=3, scale=10.0)
        >>> features = {"sound": torch.randn(2, 4), "image": torch.randn(2, 6)}
        >>> logits, unimodal = fusion(features)
        >>> louder, _ = fusion({**features, "sound": 100 * features["sound"]})
        >>> torch.allclose(logits, louder, atol=1e-5)
        True
    """

    def __init__(self, widths: Mapping[str, int], outputs: int, scale: float = 10.0) -> None:
        super().__init__(widths, outputs)
        if not 0 < scale < float("inf"):
            raise UserError(f"scale must be above 0, got {scale}")
        self.heads = nn.ModuleDict(
            {name: CosineHead(width, outputs, scale) for name, width in widths.items()}
        )
