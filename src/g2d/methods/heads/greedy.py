"""Gates before any fusion, by which modalities scale each other's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.base import Features, Fusion, Present, kept, presence, without_absent


class CrossGates(Fusion):
    """f_m ← f_m ⊙ σ(V_m relu(U [f_1; …; f_k] + a) + b_m), then the fusion.

    Squeeze and excitation over all modalities, as the Multimodal Transfer Module has it (Joze et
    al., CVPR 2020, arXiv 1911.08670), at the features. Tokens are averaged to be squeezed, and
    all gated alike. The features are squeezed in the alphabetical order of their modalities.

    Args:
        fusion: Makes the prediction.
        reduction: The hidden layer is 2/reduction of all features together.

    Raises:
        UserError: The hidden layer would have no unit.

    Attributes:
        means: Mean gate `(d_m,)` of every modality, for `averaged`.
        averaged: For every modality a bool, whether its gate is the mean one in training, so that
            it learns nothing about the others; `None` for no modality.
        seen: Sum `(d_m,)` and count of the gates of the last batch in training.

    Example:
        >>> from g2d.models.fusion import LateFusion
        >>> fusion = CrossGates(LateFusion({"sound": 4, "image": 6}, outputs=3))
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> logits.shape, sorted(unimodal)
        (torch.Size([2, 3]), ['image', 'sound'])
    """

    def __init__(self, fusion: Fusion, reduction: float = 4.0) -> None:
        super().__init__(fusion.widths, fusion.outputs)
        total = sum(self.widths.values())
        hidden = int(2 * total / reduction)
        if hidden < 1:
            raise UserError(
                f"got reduction={reduction:g} of {total} features, expected {2 * total} or less"
            )
        self.fusion = fusion
        self.needs_tokens = fusion.needs_tokens
        self.has_own_heads = fusion.has_own_heads
        self.additive = fusion.additive
        self.squeeze = nn.Linear(total, hidden)
        self.excite = nn.ModuleDict(
            {name: nn.Linear(hidden, width) for name, width in self.widths.items()}
        )
        self.means: Mapping[str, Tensor] = {}
        self.averaged: Mapping[str, Tensor] | None = None
        self.seen: dict[str, tuple[Tensor, Tensor]] = {}

    @classmethod
    def around(cls, fusion: Fusion, **options: Any) -> Self:
        """Builds gates before this fusion."""
        return cls(fusion, **options)

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The logits that the fusion computes from the gated features."""
        masks = presence(features, present)
        features = without_absent(features, masks)
        gates = self.gates(features)
        if self.training:
            self._note(gates, masks)
            if self.averaged is not None:
                gates = {
                    name: torch.where(self.averaged[name], self.means[name].to(gate.dtype), gate)
                    for name, gate in gates.items()
                }
        gated = {
            name: feature * gates[name].view(feature.shape[0], *[1] * (feature.ndim - 2), -1)
            for name, feature in features.items()
        }
        logits, readouts = self.fusion(gated, present)
        return logits, readouts

    def gates(self, features: Features) -> dict[str, Tensor]:
        """σ(…), `(B, d_m)`, from what all modalities have."""
        pooled = self.pooled(features)
        hidden = self.squeeze(torch.cat([pooled[name] for name in sorted(pooled)], dim=1)).relu()
        return {name: excite(hidden).sigmoid() for name, excite in self.excite.items()}

    def gate_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """Those of this modality's gate; the squeezing is shared by all modalities."""
        return [*self.squeeze.parameters(), *self.excite[modality].parameters()]

    def head_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """The parameters of the modality's head in the fusion."""
        return self.fusion.head_parameters_of(modality)

    @torch.no_grad()
    def _note(self, gates: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> None:
        for name, gate in gates.items():
            mask = masks.get(name)
            count = gate.new_full((), len(gate)) if mask is None else mask.sum().to(gate)
            self.seen[name] = (kept(gate.detach(), mask).float().sum(dim=0), count.float())
