"""The read-out of fusions that are not a sum over modalities."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from torch import Tensor

from g2d.models.fusion.base import Features, Fusion, Present, presence, without_absent
from g2d.models.fusion.mean_features import MeanFeatures

Fuse = Callable[[Features, Mapping[str, Tensor]], Tensor]


def mean_ablation(
    fuse: Fuse,
    features: Features,
    means: Mapping[str, Tensor],
    masks: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """What every modality alone says, the others being replaced by their mean features.

    z_m = F(f_m, {μ_j} for j ≠ m). For a fusion that is a sum over modalities this is the output
    of the modality's head plus a constant. In a token fusion a mean is a sequence of one token.

    Args:
        fuse: From features `(B, d_m)` or tokens `(B, N_m, d_m)`, and the masks of modalities that
            can be missing, to logits.
        features: What every modality gives.
        means: Mean training feature `(d_m,)` of every modality.
        masks: For every modality that can be missing, a bool `(B, 1)`. Where a modality itself is
            absent its read-out is what the fusion says of the means of the others.

    Returns:
        Logits `(B, C)` for every modality.

    Example:
        >>> import torch
        >>> def add(features, masks):
        ...     return features["sound"] + features["image"]
        >>> features = {"sound": torch.tensor([[1.0]]), "image": torch.tensor([[2.0]])}
        >>> mean_ablation(add, features, {"sound": torch.zeros(1), "image": torch.tensor([10.0])})
        {'sound': tensor([[11.]]), 'image': tensor([[2.]])}
    """
    stand_ins = {
        name: means[name].to(feature.dtype).expand(feature.shape[0], *[1] * (feature.ndim - 2), -1)
        for name, feature in features.items()
    }
    return {
        name: fuse(
            {**stand_ins, name: feature},
            {name: masks[name]} if masks is not None and name in masks else {},
        )
        for name, feature in features.items()
    }


class AblationFusion(Fusion):
    """A fusion whose read-outs are mean-ablations, in eval mode; in train mode there are none.

    A subclass defines `fuse`. In train mode the mean features are followed; `set_means` puts in
    the exact ones.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.

    Attributes:
        follows: Whether the means follow the features of training batches.
    """

    def __init__(self, widths: Mapping[str, int], outputs: int) -> None:
        super().__init__(widths, outputs)
        self.means = MeanFeatures(widths)
        self.follows = True

    @abstractmethod
    def fuse(self, features: Features, masks: Mapping[str, Tensor]) -> Tensor:
        """The fused logits `(B, C)`.

        Args:
            features: What every modality gives, zero where it is absent.
            masks: For every modality that can be missing, a bool `(B, 1)`: is it there?
        """

    def set_means(self, means: Mapping[str, Tensor]) -> None:
        """Sets the mean training feature `(d_m,)` of every modality exactly.

        Raises:
            UserError: A modality is missing or unknown, or a mean has another width.
        """
        self.means.set(means)

    def follow(self, features: Features, masks: Mapping[str, Tensor]) -> None:
        """Takes the features of a training batch into the means; padding is no token."""
        means = {**features, **self.pooled({name: features[name] for name in self.padded})}
        self.means.update(means, masks)

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Fuses; in eval mode once more for the read-out of every modality."""
        masks = presence(features, present)
        declared = {name: features[name] for name in self.modalities}
        features = without_absent(declared, masks)
        if self.training:
            if self.follows:
                self.follow(features, masks)
            return self.fuse(features, masks), {}
        alone = mean_ablation(self.fuse, features, self.means.read(), masks)
        return self.fuse(features, masks), alone
