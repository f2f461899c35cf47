"""The fusion of DI-MML: the logits of separate modalities, weighted by their certainty."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.functional.predictions import di_mml_weights
from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    head_readouts,
    kept,
    linear_heads,
    masks_of,
    presence,
    without_absent,
    xavier,
)
from g2d.models.fusion.sum import SumFusion


class DetachedFusion(Fusion):
    """z = Σ_s w_s z_s over the modalities and a fused source; w = softmax_s(max_c p_s / T).

    Each modality has a head c_m of its own, and all share one more, c_sh, which only training
    asks (`read_shared`). The fused source is one linear layer over all features; it learns from
    features but sends no gradient back, and has no part in the prediction before
    `fused_takes_part` is set. Features narrower than the widest get an adapter, a linear layer,
    before all heads. The unimodal logits of a modality are its own head's.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        temperature: T; the larger, the more equal the weights.

    Attributes:
        fused_takes_part: Whether the fused source is trained, a bool on the device, saved with
            the weights.

    Example:
        >>> fusion = DetachedFusion({"sound": 4, "image": 6}, outputs=3).eval()
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> logits.shape, list(unimodal)
        (torch.Size([2, 3]), ['sound', 'image'])
    """

    has_own_heads = True
    fused_takes_part: Tensor

    def __init__(self, widths: Mapping[str, int], outputs: int, temperature: float = 1.0) -> None:
        super().__init__(widths, outputs)
        self.temperature = temperature
        self.width = max(widths.values())
        even = dict.fromkeys(widths, self.width)
        self.heads = linear_heads(even, outputs)
        self.shared = nn.Linear(self.width, outputs)
        xavier(self.shared)
        self.fused = SumFusion(even, outputs)
        self.adapters = nn.ModuleDict(
            {
                name: nn.Linear(width, self.width)
                for name, width in widths.items()
                if width != self.width
            }
        )
        self.register_buffer("fused_takes_part", torch.tensor(False))

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """In training the fused source's logits, in eval mode the prediction."""
        aligned = self.align(features, present)
        unimodal = self.read(aligned, present)
        fused, _ = self.fused({n: value.detach() for n, value in aligned.items()}, present)
        if self.training:
            return fused, unimodal
        sources = [*unimodal.values(), fused]
        masks = masks_of(unimodal, presence(features, present))
        takes_part = self.fused_takes_part.expand(len(fused))
        weights = di_mml_weights(sources, [*masks, takes_part], self.temperature)
        return (weights * torch.stack(sources).float()).sum(dim=0), unimodal

    def align(self, features: Features, present: Present | None = None) -> dict[str, Tensor]:
        """The features in one width, zero where the modality is absent."""
        masks = presence(features, present)
        features = without_absent(features, masks)
        return {
            name: kept(self.adapters[name](features[name]), masks.get(name))
            if name in self.adapters
            else features[name]
            for name in self.modalities
        }

    def read(self, aligned: Features, present: Present | None = None) -> dict[str, Tensor]:
        """The logits of each modality's own head."""
        return head_readouts(self.heads, aligned, presence(aligned, present))

    def read_shared(self, aligned: Features, present: Present | None = None) -> dict[str, Tensor]:
        """The logits of the shared head for each modality."""
        masks = presence(aligned, present)
        return {name: kept(self.shared(value), masks.get(name)) for name, value in aligned.items()}

    def head_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """The modality's own head, and its adapter if it has one."""
        own = list(self.heads[modality].parameters())
        if modality in self.adapters:
            own += self.adapters[modality].parameters()
        return own
