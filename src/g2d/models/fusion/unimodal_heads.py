"""A linear head for each modality beside any fusion: its unimodal logits."""

from __future__ import annotations

from typing import Any, Self

from torch import Tensor, nn

from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    head_readouts,
    linear_heads,
    presence,
)


class UnimodalHeads(Fusion):
    """Any fusion, with a head on each modality's feature as its unimodal logits.

    Methods that score or train each modality by itself need such heads where the fusion has no
    terms of its own to show in training. Tokens are averaged first.

    Args:
        fusion: Makes the fused prediction, unchanged.
        detached: The heads learn from features but send no gradient back to the encoders: they
            only watch. In eval mode the fusion's own unimodal logits are given then, so that every
            method is read alike.
        heads: From a feature `(B, d_m)` to logits `(B, C)`, for every modality in the declared
            order; linear when not given.

    Example:
        >>> import torch
        >>> from g2d.models.fusion import FiLMFusion
        >>> fusion = UnimodalHeads(FiLMFusion({"sound": 4, "image": 6}, outputs=3)).train()
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> unimodal["sound"].shape
        torch.Size([2, 3])
    """

    def __init__(
        self, fusion: Fusion, detached: bool = False, heads: nn.ModuleDict | None = None
    ) -> None:
        super().__init__(fusion.widths, fusion.outputs)
        self.fusion = fusion
        self.detached = detached
        self.needs_tokens = fusion.needs_tokens
        self.has_own_heads = fusion.has_own_heads
        self.heads = heads if heads is not None else linear_heads(fusion.widths, fusion.outputs)

    @classmethod
    def around(cls, fusion: Fusion, **options: Any) -> Self:
        """Builds heads beside this fusion."""
        return cls(fusion, **options)

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The fusion's logits, and those of the heads."""
        logits, readouts = self.fusion(features, present)
        if self.detached and not self.training:
            return logits, readouts
        return logits, self.read(features, present)

    def read(self, features: Features, present: Present | None = None) -> dict[str, Tensor]:
        """The logits of each modality's head."""
        pooled = self.pooled(features)
        if self.detached:
            pooled = {name: value.detach() for name, value in pooled.items()}
        return head_readouts(self.heads, pooled, presence(features, present))

    def head_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """The fusion's own head of this modality and the one beside it."""
        beside = list(self.heads[modality].parameters())
        return self.fusion.head_parameters_of(modality) + beside
