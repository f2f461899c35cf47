"""One linear head for all modalities, mixed in every sample by how certain each of them is."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.functional.predictions import mla_weights
from g2d.functional.present import softmax_over_present, stacked_masks
from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    kept,
    masks_of,
    presence,
    without_absent,
    xavier,
)


class SharedHead(Fusion):
    """z = Σ_m w_m z_m with z_m = W A_m f_m + b, one W and b for all modalities.

    w is the softmax over modalities of -H_m, H_m the entropy of softmax(z_m): in each sample the
    more certain modality is heard more. It does not depend on the rest of the batch. With a single
    output there is no entropy, and all are heard alike. The unimodal logits of a modality are z_m.
    A_m is a linear adapter where a modality's features are not of the common width, else nothing.
    Absent modalities have no weight. Tokens are not fused; features are pooled.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        fixed: A weight for each modality in the place of the entropy's, the same in all samples;
            scaled to a sum of 1 over the modalities that are there.

    Raises:
        UserError: The fixed weights are for other modalities, negative, or all 0.

    Example:
        >>> import torch
        >>> fusion = SharedHead({"sound": 4, "image": 4, "text": 6}, outputs=3)
        >>> features = {name: torch.randn(2, width) for name, width in fusion.widths.items()}
        >>> logits, unimodal = fusion(features)
        >>> logits.shape, fusion.adapters
        (torch.Size([2, 3]), ModuleDict(
          (sound): Identity()
          (image): Identity()
          (text): Linear(in_features=6, out_features=4, bias=True)
        ))
    """

    def __init__(
        self, widths: Mapping[str, int], outputs: int, fixed: Mapping[str, float] | None = None
    ) -> None:
        super().__init__(widths, outputs)
        self.adapters = adapters(widths)
        self.head = nn.Linear(common_width(widths), outputs)
        xavier(self.head)
        self.fixed: Tensor | None
        scores = None if fixed is None else torch.tensor(check_fixed(fixed, widths)).log()
        self.register_buffer("fixed", scores, persistent=False)

    def adapt(self, modality: str, feature: Tensor) -> Tensor:
        """A feature `(B, d_m)` at the common width, as the head reads it."""
        adapted: Tensor = self.adapters[modality](feature)
        return adapted

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum of the modalities that are there."""
        masks = presence(features, present)
        there = without_absent(features, masks)
        unimodal = {
            name: kept(self.head(self.adapt(name, there[name])), masks.get(name))
            for name in self.modalities
        }
        weights = self.weights(unimodal, masks)
        return (weights * torch.stack(list(unimodal.values()))).sum(dim=0), unimodal

    def weights(self, logits: Features, masks: Mapping[str, Tensor]) -> Tensor:
        """The weight of each modality in each sample, `(k, B, 1)`; they sum to 1."""
        own = [logits[name] for name in self.modalities]
        present = masks_of(self.modalities, masks)
        if self.fixed is None:
            return mla_weights(own, present)
        each = own[0][:, 0]
        scores = self.fixed[:, None, None].expand(-1, len(each), 1)
        return softmax_over_present(scores, stacked_masks(present, each))


def common_width(widths: Mapping[str, int]) -> int:
    """The width that most modalities have, the larger where two are as frequent.

    Example:
        >>> (
        ...     common_width({"sound": 4, "image": 4, "text": 6}),
        ...     common_width({"sound": 4, "image": 6}),
        ... )
        (4, 6)
    """
    counts = Counter(widths.values())
    return max(counts, key=lambda width: (counts[width], width))


def adapters(widths: Mapping[str, int]) -> nn.ModuleDict:
    """From every modality's features to the common width; the identity where they have it."""
    common = common_width(widths)
    return nn.ModuleDict(
        {
            name: nn.Identity() if width == common else nn.Linear(width, common)
            for name, width in widths.items()
        }
    )


def check_fixed(fixed: Mapping[str, float], widths: Mapping[str, int]) -> list[float]:
    """Fixed weights in the declared order.

    Raises:
        UserError: They are for other modalities, negative, or all 0.
    """
    if set(fixed) != set(widths):
        raise UserError(
            f"fixed weights are given for {list(fixed)} and the modalities are {list(widths)}; "
            "give one for each"
        )
    if not all(0 <= weight < math.inf for weight in fixed.values()) or not any(fixed.values()):
        raise UserError(f"fixed weights must be 0 or more and not all of them 0, got {dict(fixed)}")
    return [float(fixed[name]) for name in widths]
