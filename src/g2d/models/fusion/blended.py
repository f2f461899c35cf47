"""The fusions of several models, and the weighted sum of their logits."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.functional.predictions import ensemble_logits
from g2d.models.fusion.base import Features, Fusion, Present


class BlendedFusion(Fusion):
    """z = Σ_i w_i z_i of the fused logits z_i of several fusions, the weights fixed.

    The feature of a modality is what the members read of it, one after the other. Where a sample
    has none of a member's modalities, the weights of the other members are scaled up to the same
    sum. The unimodal logits of a modality are the sum over the members that have it, scaled alike.

    Args:
        modalities: All of them, in the declared order.
        members: Each for some of the modalities.
        weights: One number of 0 or more a member.

    Raises:
        UserError: A member attends over tokens, or no member has a modality.

    Example:
        >>> from g2d.models.fusion.late import LateFusion
        >>> both, one = LateFusion({"sound": 4, "image": 6}, 3), LateFusion({"image": 5}, 3)
        >>> fusion = BlendedFusion(["sound", "image"], [both, one], weights=[0.5, 1.0])
        >>> fusion.widths
        {'sound': 4, 'image': 11}
        >>> sound, image = torch.randn(2, 4), torch.randn(2, 11)
        >>> logits, _ = fusion({"sound": sound, "image": image})
        >>> first, _ = both({"sound": sound, "image": image[:, :6]})
        >>> second, _ = one({"image": image[:, 6:]})
        >>> torch.allclose(logits, 0.5 * first + second)
        True
    """

    least_modalities = 1
    weights: Tensor

    def __init__(
        self, modalities: Sequence[str], members: Sequence[Fusion], weights: Sequence[float]
    ) -> None:
        widths = {
            name: sum(member.widths.get(name, 0) for member in members) for name in modalities
        }
        for member in members:
            if member.needs_tokens:
                raise UserError(
                    f"{type(member).__name__} attends over tokens, and a blend has features alone; "
                    "choose another --fusion"
                )
        for name, width in widths.items():
            if not width:
                raise UserError(f"no member of the blend has {name!r}; leave the modality out")
        super().__init__(widths, members[0].outputs)
        self.members = nn.ModuleList(members)
        self.register_buffer("weights", torch.tensor(list(weights), dtype=torch.float32))

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The weighted sum; unimodal logits where all members that have the modality give them."""
        fused, masks, alone = [], [], []
        begin = dict.fromkeys(self.widths, 0)
        for member in self._fusions():
            own = {}
            for name, width in member.widths.items():
                own[name] = features[name].narrow(1, begin[name], width)
                begin[name] += width
            logits, unimodal = member(own, present)
            fused.append(logits)
            masks.append(_any(member.modalities, present))
            alone.append(unimodal)
        return ensemble_logits(fused, masks, self.weights), self._unimodal(alone)

    def _unimodal(self, alone: Sequence[dict[str, Tensor]]) -> dict[str, Tensor]:
        found = {}
        for name in self.modalities:
            having = [n for n, member in enumerate(self._fusions()) if name in member.widths]
            if not all(name in alone[number] for number in having):
                continue
            weights = self.weights[having]
            scale = self.weights.sum() / weights.sum().clamp(min=1e-12)
            logits = ensemble_logits([alone[number][name] for number in having], weights=weights)
            found[name] = scale * logits
        return found

    def _fusions(self) -> list[Fusion]:
        return cast("list[Fusion]", list(self.members))


def _any(modalities: Sequence[str], present: Present | None) -> Tensor | None:
    """Which samples have one of the modalities, `None` where all do."""
    masks = [(present or {}).get(name) for name in modalities]
    there = [mask.bool() for mask in masks if mask is not None]
    return torch.stack(there).any(dim=0) if len(there) == len(masks) else None
