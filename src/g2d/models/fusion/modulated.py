"""Any fusion, whose prediction is made in training from features that a method has changed."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Features, Fusion, Present, presence, without_absent

Modulate = Callable[[Features, Present | None], Features]


class ModulatedFusion(Fusion):
    """z = F(change(f)) in training, z = F(f) in evaluation.

    Methods that drop or mask features put `modulate` in before the first step. The read-outs are
    those of the features as they are, in both modes: what a modality knows is measured without
    the change.

    Args:
        fusion: Makes the prediction.

    Attributes:
        modulate: From the features and `present` to the features that are fused; `None` for no
            change.

    Example:
        >>> import torch
        >>> from g2d.models.fusion import SumFusion
        >>> fusion = ModulatedFusion(SumFusion({"sound": 4, "image": 6}, outputs=3))
        >>> fusion.modulate = lambda features, present: {n: 2 * f for n, f in features.items()}
        >>> features = {"sound": torch.randn(2, 4), "image": torch.randn(2, 6)}
        >>> logits, unimodal = fusion(features)
        >>> torch.allclose(logits, 2 * (unimodal["sound"] + unimodal["image"]), atol=1e-5)
        True
        >>> logits, unimodal = fusion.eval()(features)
        >>> torch.allclose(logits, unimodal["sound"] + unimodal["image"])
        True
    """

    def __init__(self, fusion: Fusion) -> None:
        super().__init__(fusion.widths, fusion.outputs)
        self.fusion = fusion
        self.needs_tokens = fusion.needs_tokens
        self.has_own_heads = fusion.has_own_heads
        self.additive = fusion.additive
        self.modulate: Modulate | None = None

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The logits of the changed features, the read-outs of the features as they are."""
        if not self.training or self.modulate is None:
            logits, readouts = self.fusion(features, present)
            return logits, readouts
        changed = self.modulate(features, present)
        if isinstance(self.fusion, AblationFusion):
            # It follows the mean features, which are not to be those of changed ones.
            masks = presence(features, present)
            self.fusion.follow(without_absent(features, masks), masks)
            return self.fusion.fuse(without_absent(changed, masks), masks), {}
        return self.fusion(changed, present)[0], self.fusion(features, present)[1]

    def head_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """The fusion's."""
        return self.fusion.head_parameters_of(modality)


def modulated(fusion: Fusion) -> ModulatedFusion:
    """The fusion that can be modulated, in a fusion that a method has adapted.

    Raises:
        UserError: There is none.
    """
    for module in fusion.modules():
        if isinstance(module, ModulatedFusion):
            return module
    raise UserError(
        f"this method changes the features that are fused, and {type(fusion).__name__} gives it "
        "no place to; build the model with Method.adapt_fusion(fusion)"
    )
