"""Late fusion: the mean of one linear head for each modality."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor

from g2d.functional.predictions import ensemble_logits
from g2d.models.fusion.base import HeadFusion, linear_heads, masks_of


class LateFusion(HeadFusion):
    """z = (1/k) Σ_m (W_m f_m + b_m): logits are averaged, not probabilities.

    The fusion of the paper's main results. The unimodal logits of a modality are its head's output,
    and their mean is the fused prediction. Absent modalities are left out of the mean.

    Example:
        >>> import torch
        >>> fusion = LateFusion({"sound": 4, "image": 6}, outputs=3)
        >>> features = {"sound": torch.randn(2, 4), "image": torch.randn(2, 6)}
        >>> logits, unimodal = fusion(features)
        >>> torch.allclose(logits, (unimodal["sound"] + unimodal["image"]) / 2)
        True
    """

    least_modalities = 1  # of one, the mean is its own logits

    def __init__(self, widths: Mapping[str, int], outputs: int) -> None:
        super().__init__(widths, outputs)
        self.heads = linear_heads(widths, outputs)

    def together(self, unimodal: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        """The mean over the modalities that are there."""
        return ensemble_logits(list(unimodal.values()), masks_of(unimodal, masks))
