"""Concatenation: one linear layer over all features side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d.errors import check_choice
from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    add,
    presence,
    without_absent,
    xavier,
)


class ConcatFusion(Fusion):
    """z = W [f_1; …; f_k] + b.

    The functions of sum fusion with a single bias; only the initial scale of W differs. The
    unimodal logits of a modality are its slice of W and its share of the bias, W_m f_m + b/k, so
    the unimodal logits sum to the fused prediction.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        absent: What stands in the place of an absent modality: zeros, or a vector that is learned
            (one for each modality, from zeros on; these parameters exist only if asked for).

    Raises:
        UserError: `absent` is something else.

    Example:
        >>> import torch
        >>> fusion = ConcatFusion({"sound": 4, "image": 6}, outputs=3)
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> torch.allclose(logits, unimodal["sound"] + unimodal["image"])
        True
    """

    additive = True

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        absent: Literal["zero", "learned"] = "zero",
    ) -> None:
        super().__init__(widths, outputs)
        check_choice("absent", absent, ("zero", "learned"))
        self.head = nn.Linear(sum(widths.values()), outputs)
        xavier(self.head)
        self.absent: nn.Parameter | None = None
        if absent == "learned":
            self.absent = nn.Parameter(torch.zeros(sum(widths.values())))

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Applies one slice of the linear layer to each modality, and sums."""
        masks = presence(features, present)
        slots = without_absent(features, masks)
        widths = list(self.widths.values())
        if self.absent is not None:
            stand_ins = dict(zip(self.modalities, torch.split(self.absent, widths), strict=True))
            for name, mask in masks.items():
                slots[name] = torch.where(mask, slots[name], stand_ins[name])
        share = self.head.bias / len(widths)
        slices = zip(self.modalities, torch.split(self.head.weight, widths, dim=1), strict=True)
        unimodal = {name: F.linear(slots[name], weight, share) for name, weight in slices}
        return add(unimodal), unimodal
