"""Features that a method changes, in training, on their way into a fusion."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import Features, Fusion, presence, without_absent
from g2d.student.base import Modulation


class FusionInput:
    """z = F(change(f)) in training, z = F(f) in evaluation.

    The unimodal logits, and the mean features that some fusions follow, are those of the features
    as they are, in both modes: what a modality knows is measured without the change.

    Args:
        fusion: Makes the prediction.
        modulation: Factors for the features.
    """

    def __init__(self, fusion: Fusion, modulation: Modulation) -> None:
        self.modulation = modulation
        self._given: tuple[Any, ...] = ()
        self._hooks: tuple[RemovableHandle, ...] = (
            fusion.register_forward_pre_hook(self._before),
            fusion.register_forward_hook(self._after),
        )

    def remove(self) -> None:
        """Removes the hooks."""
        for hook in self._hooks:
            hook.remove()

    def __deepcopy__(self, memo: dict[int, Any]) -> FusionInput:
        """Of a copy of the model, which is not trained by the method: one that changes nothing."""
        return _inert()

    def __reduce__(self) -> tuple[Callable[[], FusionInput], tuple[()]]:
        """Of a model that is saved whole, likewise."""
        return _inert, ()

    def _before(self, fusion: nn.Module, args: tuple[Any, ...]) -> tuple[Any, ...] | None:
        if not fusion.training:
            return None
        assert isinstance(fusion, Fusion)
        features, present = (*args, None)[:2]
        self._given = (features, present)
        widths = {name: feature.shape[-1] for name, feature in features.items()}
        factors = self.modulation(widths, len(next(iter(features.values()))), present)
        if isinstance(fusion, AblationFusion):
            masks = presence(features, present)
            declared = {name: features[name] for name in fusion.modalities}
            fusion.follow(without_absent(declared, masks), masks)
            fusion.follows = False
        return modulated(features, factors), present

    def _after(self, fusion: nn.Module, args: tuple[Any, ...], output: Any) -> Any:
        if not fusion.training:
            return None
        if isinstance(fusion, AblationFusion):
            fusion.follows = True
            return None
        unimodal = fusion.forward(*self._given)[1]
        self._given = ()
        return output[0], unimodal


def _inert() -> FusionInput:
    inert = object.__new__(FusionInput)
    inert.modulation, inert._given, inert._hooks = _no_change, (), ()
    return inert


def _no_change(*_: Any) -> Features:
    return {}


def modulated(features: Features, factors: Features) -> dict[str, Tensor]:
    """Features times their factors; those without a factor as they are.

    Args:
        features: `(B, d)` or `(B, N, d)`.
        factors: `(1 or B, 1 or d)`.

    Example:
        >>> import torch
        >>> modulated({"sound": torch.ones(2, 2)}, {"sound": torch.tensor([[1.0, 0.0]])})
        {'sound': tensor([[1., 0.],
                [1., 0.]])}
    """
    changed = dict(features)
    for name, factor in factors.items():
        feature = features[name]
        shape = (factor.shape[0], *[1] * (feature.ndim - 2), factor.shape[1])
        changed[name] = feature * factor.to(feature.dtype).view(shape)
    return changed
