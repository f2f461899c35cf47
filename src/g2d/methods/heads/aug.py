"""Classifiers that add up: a modality that lags behind is given one more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Self

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.functional.present import softmax_over_present, stacked_masks
from g2d.methods.heads.mla import check_fixed
from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    kept,
    masks_of,
    presence,
    without_absent,
    xavier,
)


class GrowingClassifiers(Fusion):
    """z_m = Σ_{i ≤ n_m} h(relu(W_{m,i} f_m + b_{m,i})), one output layer h for all; z their mean.

    n_m, how many classifiers modality m has, begins at 1 and grows by `grow`. All that there may
    be are made at the start, so that the optimizer knows them; those that are not in use have no
    part in anything. The unimodal logits of a modality are z_m. Absent modalities are left out of
    the mean. Tokens are not fused; features are pooled.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        hidden: Width of the hidden layers.
        most: Classifiers that one modality can have.
        fixed: A weight for each modality in the mean; equal when not given.

    Raises:
        UserError: The hidden width or `most` is below 1, or the fixed weights are for other
            modalities, negative, or all 0.

    Attributes:
        used: n_m for each modality, `(k,)`, saved with the weights.

    Example:
        >>> fusion = GrowingClassifiers({"sound": 4, "image": 6}, outputs=3)
        >>> fusion.grow("image")
        >>> fusion.terms("image", torch.randn(2, 6)).shape, fusion.used.tolist()
        (torch.Size([2, 2, 3]), [1, 2])
    """

    used: Tensor
    scores: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        hidden: int = 256,
        most: int = 11,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(widths, outputs)
        for name, value in (("hidden", hidden), ("most", most)):
            if value < 1:
                raise UserError(f"{name} must be 1 or more, got {value}")
        self.most = most
        self.layers = nn.ModuleDict(
            {
                name: nn.ModuleList([nn.Linear(width, hidden) for _ in range(most)])
                for name, width in widths.items()
            }
        )
        self.output = nn.Linear(hidden, outputs)
        for layer in (*(layer for name in widths for layer in self._all(name)), self.output):
            xavier(layer)
        even = dict.fromkeys(widths, 1.0)
        scores = torch.tensor(check_fixed(even if fixed is None else fixed, widths)).log()
        self.register_buffer("scores", scores, persistent=False)
        self.register_buffer("used", torch.ones(len(widths), dtype=torch.long))
        # The same on the host: a forward pass must not wait for the device.
        self._numbers = [1] * len(widths)
        self.register_load_state_dict_post_hook(_as_loaded)  # type: ignore[no-untyped-call]

    def train(self, mode: bool = True) -> Self:
        """Reads anew how many classifiers there are: an average of weights copies them in place."""
        self._numbers = self.used.tolist()
        return super().train(mode)

    def classifiers(self, modality: str) -> int:
        """The number of classifiers of every modality, n_m."""
        return self._numbers[self.modalities.index(modality)]

    def grow(self, modality: str) -> None:
        """Gives a modality one more classifier, where it has fewer than `most`."""
        place = self.modalities.index(modality)
        if self._numbers[place] < self.most:
            self._numbers[place] += 1
            self.used[place] += 1

    def layers_of(self, modality: str) -> list[nn.Module]:
        """The hidden layers in use, W_{m,1} to W_{m,n}."""
        return list(self._all(modality))[: self.classifiers(modality)]

    def _all(self, modality: str) -> nn.ModuleList:
        layers = self.layers[modality]
        assert isinstance(layers, nn.ModuleList)
        return layers

    def terms(self, modality: str, feature: Tensor) -> Tensor:
        """The logits `(n_m, B, C)` of each classifier of a modality for its features `(B, d_m)`."""
        logits = [self.output(layer(feature).relu()) for layer in self.layers_of(modality)]
        return torch.stack(logits)

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The mean of the modalities that are there."""
        masks = presence(features, present)
        there = without_absent(features, masks)
        unimodal = {
            name: kept(self.terms(name, there[name]).sum(dim=0), masks.get(name))
            for name in self.modalities
        }
        logits = torch.stack(list(unimodal.values()))
        scores = self.scores.to(logits.dtype)[:, None, None].expand(-1, logits.shape[1], 1)
        each = stacked_masks(masks_of(self.modalities, masks), logits[0, :, 0])
        weights = softmax_over_present(scores, each)
        return (weights * logits).sum(dim=0), unimodal


def _as_loaded(fusion: GrowingClassifiers, keys: object) -> None:
    """After weights are loaded, the numbers of classifiers are those of the file."""
    fusion._numbers = fusion.used.tolist()
