"""Several models as one."""

from __future__ import annotations

from collections.abc import Sequence

from torch import nn

from g2d.models.encoders.parallel import ParallelEncoders
from g2d.models.fusion.blended import BlendedFusion
from g2d.models.multimodal import MultimodalModel


def blend(
    modalities: Sequence[str], models: Sequence[MultimodalModel], weights: Sequence[float]
) -> MultimodalModel:
    """A model whose logits are the weighted sum of those of its members.

    Args:
        modalities: All of them, in the declared order.
        models: The members, each on some of the modalities; their parts are shared, not copied.
        weights: One number of 0 or more a member.

    Raises:
        UserError: A member attends over tokens, or no member has a modality.

    Example:
        >>> import torch
        >>> from g2d import Batch
        >>> from g2d.models.fusion.late import LateFusion
        >>> make = lambda: MultimodalModel({"sound": nn.Linear(4, 8)}, LateFusion({"sound": 8}, 3))
        >>> one, other = make(), make()
        >>> batch = Batch({"sound": torch.randn(2, 4)}, torch.tensor([0, 2]), torch.arange(2))
        >>> both = blend(["sound"], [one, other], weights=[2.0, 1.0])
        >>> torch.allclose(both(batch).logits, 2 * one(batch).logits + other(batch).logits)
        True
    """
    fusion = BlendedFusion(modalities, [model.fusion for model in models], weights)
    encoders: dict[str, nn.Module] = {}
    for name in modalities:
        having = [model for model in models if name in model.modalities]
        encoders[name] = ParallelEncoders(
            [model.encoders[name] for model in having],
            [model.fusion.widths[name] for model in having],
        )
    return MultimodalModel(encoders, fusion)
