"""Gated fusion: modalities gate each other's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from g2d.errors import UserError, check_choice
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Features, linear_heads, xavier


class BiGatedFusion(AblationFusion):
    """Projects every feature, h_m = V_m f_m + c_m, and gates with the sigmoid s of the others'.

    - `symmetric`: u = Σ_t h_t ⊙ Π_{c ≠ t} s(h_c), every modality gates every other;
    - `official`: u = s(h_c) ⊙ Σ_{m ≠ c} h_m, one modality gates the others and is heard in no
      other way, as in the official code;

    and z = W u + b. An absent modality leaves the gates it holds open (1) and the sums.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        mode: Who gates whom.
        gate: The modality c of `official`; the first declared one if `None`.
        width: Width of the projections; the largest feature width if `None`.

    Raises:
        UserError: There is no such mode, or no such modality.

    Example:
        >>> import torch
        >>> fusion = BiGatedFusion({"sound": 4, "image": 6}, outputs=3).eval()
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> logits.shape, sorted(unimodal)
        (torch.Size([2, 3]), ['image', 'sound'])
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        mode: Literal["symmetric", "official"] = "symmetric",
        gate: str | None = None,
        width: int | None = None,
    ) -> None:
        super().__init__(widths, outputs)
        check_choice("mode", mode, ("symmetric", "official"))
        if gate is not None and (gate not in widths or mode != "official"):
            raise UserError(
                f"got gate {gate!r} with mode {mode!r}; expected one of {list(widths)}, with mode "
                "'official'"
            )
        self.mode = mode
        self.gate = self.modalities[0] if gate is None else gate
        width = width or max(widths.values())
        self.projections = linear_heads(widths, width)
        self.head = nn.Linear(width, outputs)
        xavier(self.head)

    def projected(self, features: Features) -> Features:
        """The projections h_m."""
        return {name: project(features[name]) for name, project in self.projections.items()}

    def fuse(self, features: Features, masks: Mapping[str, Tensor]) -> Tensor:
        """The fused logits `(B, C)`."""
        terms, gates = [], []
        for name, hidden in self.projected(features).items():
            gate, mask = torch.sigmoid(hidden), masks.get(name)
            terms.append(hidden if mask is None else hidden.masked_fill(~mask, 0.0))
            gates.append(gate if mask is None else gate.masked_fill(~mask, 1.0))
        if self.mode == "official":
            gating = self.modalities.index(self.gate)
            fused = gates[gating] * torch.stack(terms[:gating] + terms[gating + 1 :]).sum(dim=0)
        else:
            fused = torch.stack(
                [
                    term * torch.stack(gates[:i] + gates[i + 1 :]).prod(dim=0)
                    for i, term in enumerate(terms)
                ]
            ).sum(dim=0)
        logits: Tensor = self.head(fused)
        return logits
