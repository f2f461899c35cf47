"""The unimodal logits of fusions that are not a sum over modalities."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping

from torch import Tensor

from g2d.functional.predictions import mean_ablation
from g2d.models.fusion.base import Features, Fusion, Present, presence, without_absent
from g2d.models.fusion.mean_features import MeanFeatures


class AblationFusion(Fusion):
    """A fusion whose unimodal logits are mean-ablations, in eval mode; none in train mode.

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
        """Fuses; in eval mode once more for the unimodal logits of every modality."""
        masks = presence(features, present)
        declared = {name: features[name] for name in self.modalities}
        features = without_absent(declared, masks)
        if self.training:
            if self.follows:
                self.follow(features, masks)
            return self.fuse(features, masks), {}
        alone = mean_ablation(self.fuse, features, self.means.read(), masks)
        return self.fuse(features, masks), alone
