"""Cross-attention: every modality attends to every other."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor, nn

from g2d.errors import UserError, check_choice
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Features, kept, xavier
from g2d.models.tokens import attendable, filled, masked_mean


class CrossAttentionFusion(AblationFusion):
    """Adds to every modality what it attends to in the others.

    With tokens X_m and one attention block for every ordered pair,

        Z_i = LayerNorm_i(X_i + Σ_{j ≠ i} attend_ij(query X_i, keys and values X_j)),

    z_i is the mean of Z_i over its tokens, u = U [z_1; …; z_k] + a, and z = W u + b.

    - `sequence`: X_m are the tokens of the encoder, and attention has several heads.
    - `pooled`: X_m is the feature, a single token. Attention to a single token has weight 1
      whatever asks, so attend_ij(X_i, X_j) = O_ij V_ij f_j, and no keys or queries are learned.

    An absent modality adds nothing to the others, and its z_i is zero. So it is with padding, which
    is no key and has no part in the mean. Features of other widths are first projected to the
    common one.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        tokens: What attends to what.
        heads: Heads of every attention block (`sequence` only).
        width: The common width; the largest feature width if `None`.

    Raises:
        UserError: `tokens` is something else, or the heads do not divide the width.

    Example:
        >>> import torch
        >>> fusion = CrossAttentionFusion({"sound": 4, "image": 6}, outputs=3).eval()
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> logits.shape, sorted(unimodal)
        (torch.Size([2, 3]), ['image', 'sound'])
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        tokens: Literal["pooled", "sequence"] = "pooled",
        heads: int = 8,
        width: int | None = None,
    ) -> None:
        super().__init__(widths, outputs)
        check_choice("tokens", tokens, ("pooled", "sequence"))
        width = width or max(widths.values())
        if tokens == "sequence" and (heads < 1 or width % heads):
            raise UserError(
                f"got {heads} heads for width {width}, expected a number that divides it; change "
                "heads or width"
            )
        self.needs_tokens = tokens == "sequence"
        self.projections = nn.ModuleDict(
            {name: nn.Linear(own, width) for name, own in widths.items() if own != width}
        )
        self.attention = nn.ModuleDict(
            {
                query: nn.ModuleDict(
                    {
                        key: _Attend(width, heads) if self.needs_tokens else _Look(width)
                        for key in widths
                        if key != query
                    }
                )
                for query in widths
            }
        )
        self.norms = nn.ModuleDict({name: nn.LayerNorm(width) for name in widths})
        self.unite = nn.Linear(len(widths) * width, width)
        self.head = nn.Linear(width, outputs)
        for linear in [*self.projections.values(), self.unite, self.head]:
            xavier(linear)

    def fuse(self, features: Features, masks: Mapping[str, Tensor]) -> Tensor:
        """The fused logits `(B, C)`."""
        there = self._filled(features)
        tokens = {
            name: self.projections[name](feature) if name in self.projections else feature
            for name, feature in features.items()
        }
        united = []
        for query, others in self.attention.items():
            assert isinstance(others, nn.ModuleDict)
            found = tokens[query]
            for key, attend in others.items():
                mask = masks.get(key)
                if key in there:
                    seen = attend(tokens[query], tokens[key], there[key])
                    mask = there[key].any(dim=1)
                else:
                    seen = attend(tokens[query], tokens[key])
                # whatever the biases make of an absent modality is dropped with it
                found = found + kept(seen, mask)
            found = self.norms[query](found)
            if query in there:
                found = masked_mean(found, there[query])
            elif self.needs_tokens:
                found = found.mean(dim=1)
            united.append(kept(found, masks.get(query)))
        logits: Tensor = self.head(self.unite(torch.cat(united, dim=-1)))
        return logits

    def _filled(self, features: Features) -> dict[str, Tensor]:
        """Which tokens are none of padding, `(B, N_m)`, for every modality that may have any."""
        if not self.needs_tokens:
            return {}
        return {name: filled(features[name]) for name in self.widths if name in self.padded}


class _Look(nn.Module):
    """Attention to one token, O V x: what is asked makes no difference."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.value = nn.Linear(width, width)
        self.out = nn.Linear(width, width)
        xavier(self.value)
        xavier(self.out)

    def forward(self, query: Tensor, key: Tensor) -> Tensor:
        found: Tensor = self.out(self.value(key))
        return found


class _Attend(nn.Module):
    """Multi-head attention of one token sequence `(B, N, d)` to another `(B, M, d)`."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        xavier(self.attention.out_proj)

    def forward(self, query: Tensor, key: Tensor, there: Tensor | None = None) -> Tensor:
        padding = None if there is None else ~attendable(there)
        found: Tensor = self.attention(
            query, key, key, key_padding_mask=padding, need_weights=False
        )[0]
        return found
