"""FiLM: the other modalities scale and shift the feature of one."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Features, linear_heads, without_absent, xavier


class FiLMFusion(AblationFusion):
    """Starts from the target's feature and lets every other modality in turn modulate it.

    h ← f_t, then for every c ≠ t in the declared order [g; e] = F_c f_c + a_c and h ← g ⊙ h + e;
    in the end z = W h + b. With `one_plus` the scale is 1 + g. An absent conditioner changes
    nothing (g = 1, e = 0); where the target is absent h starts from zero. With `width` every f_m is
    first projected to that width.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        target: The modality that is modulated; the last declared one if `None`.
        one_plus: Scale by 1 + g instead of g, so that F_c = 0 changes nothing.
        width: Width of the projections; `None` for features as they are, with h as wide as the
            target.

    Raises:
        UserError: There is no such target.

    Example:
        >>> import torch
        >>> fusion = FiLMFusion({"sound": 4, "image": 6}, outputs=3).eval()
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> logits.shape, sorted(unimodal)
        (torch.Size([2, 3]), ['image', 'sound'])
    """

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        target: str | None = None,
        one_plus: bool = False,
        width: int | None = None,
    ) -> None:
        super().__init__(widths, outputs)
        if target is not None and target not in widths:
            raise UserError(
                f"got target {target!r}, expected one of {list(widths)}; choose a declared modality"
            )
        self.target = self.modalities[-1] if target is None else target
        self.one_plus = one_plus
        self.projections = nn.ModuleDict() if width is None else linear_heads(widths, width)
        inner = dict(widths) if width is None else dict.fromkeys(widths, width)
        hidden = inner[self.target]
        self.conditioners = nn.ModuleDict(
            {name: nn.Linear(own, 2 * hidden) for name, own in inner.items() if name != self.target}
        )
        self.head = nn.Linear(hidden, outputs)
        for linear in [*self.conditioners.values(), self.head]:
            xavier(linear)

    def fuse(self, features: Features, masks: Mapping[str, Tensor]) -> Tensor:
        """The fused logits `(B, C)`."""
        if self.projections:
            features = {name: self.projections[name](f) for name, f in features.items()}
            features = without_absent(features, masks)
        hidden = features[self.target]
        for name, conditioner in self.conditioners.items():
            scale, shift = conditioner(features[name]).chunk(2, dim=-1)
            modulated = (1 + scale if self.one_plus else scale) * hidden + shift
            mask = masks.get(name)
            hidden = modulated if mask is None else torch.where(mask, modulated, hidden)
        logits: Tensor = self.head(hidden)
        return logits
