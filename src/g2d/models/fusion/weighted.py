"""Weighted late fusion: a sum of the heads with fixed weights."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from g2d.functional.predictions import ensemble_logits
from g2d.models.fusion.base import masks_of
from g2d.models.fusion.late import LateFusion


class WeightedFusion(LateFusion):
    """z = Σ_m w_m z_m of the heads' logits z_m, the weights as they were fitted on validation.

    Absent modalities are left out, and the weights of the others scaled up to the same sum.

    Args:
        widths: Feature width of every modality.
        outputs: Width of the logits.
        weights: One number of 0 or more a modality, in the declared order.

    Example:
        >>> import torch
        >>> fusion = WeightedFusion({"sound": 4, "image": 6}, 3, weights=[0.5, 2.0])
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> torch.allclose(logits, 0.5 * unimodal["sound"] + 2.0 * unimodal["image"])
        True
    """

    weights: Tensor

    def __init__(self, widths: Mapping[str, int], outputs: int, weights: Sequence[float]) -> None:
        super().__init__(widths, outputs)
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32))

    def together(self, unimodal: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        """The weighted sum over the modalities that are there."""
        return ensemble_logits(list(unimodal.values()), masks_of(unimodal, masks), self.weights)
