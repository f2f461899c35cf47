"""Sum fusion: the sum of one linear head for each modality."""

from __future__ import annotations

from collections.abc import Mapping

from g2d.models.fusion.base import HeadFusion, linear_heads


class SumFusion(HeadFusion):
    """z = Σ_m (W_m f_m + b_m): late fusion without the division by k.

    The same functions as late fusion, with initial logits and gradients of the heads k times as
    large. The unimodal logits of a modality are its head's output, and their sum is the fused
    prediction. Absent modalities are left out of the sum.

    Example:
        >>> import torch
        >>> fusion = SumFusion({"sound": 4, "image": 6}, outputs=3)
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> torch.allclose(logits, unimodal["sound"] + unimodal["image"])
        True
    """

    def __init__(self, widths: Mapping[str, int], outputs: int) -> None:
        super().__init__(widths, outputs)
        self.heads = linear_heads(widths, outputs)
