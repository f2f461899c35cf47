"""Decision trees on the features of all modalities together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

from g2d.models.fusion.base import Features, Fusion, Present, kept, presence, without_absent
from g2d.models.fusion.linear import logits_of_unit


class TreeFusion(Fusion):
    """z = b + Σ_t v_t(f): every tree adds the value of the leaf that the features fall into.

    The trees are grown elsewhere (`g2d.shallow.fit_network`) and not trained. An absent modality
    is a vector of zeros. The unimodal logits of a modality, in eval mode, are what the trees
    predict where all others are absent.

    Args:
        widths: Feature width of every modality.
        outputs: Width of the logits.
        trees: How many.
        nodes: The most that a tree has, leaves included.
        depth: The most steps from a root to a leaf.
        asks: Modalities for which a feature, behind all others, marks the samples that have them.
        unit: Whether the sum is a number on the unit range, whose logit is predicted.

    Attributes:
        feature: By tree and node, the number of the feature that is compared, `(T, N)`.
        threshold: Up to which the way is `left`, else `right`; both are numbers of nodes `(T, N)`,
            of leaves their own.
        value: Of leaves, `(T, N)`.
        output: Of every tree, the output that it adds to, `(T,)`.

    Example:
        >>> fusion = TreeFusion({"a": 1}, outputs=2, trees=1, nodes=3, depth=1).eval()
        >>> fusion.left[0], fusion.right[0] = torch.tensor([1, 1, 2]), torch.tensor([2, 1, 2])
        >>> fusion.value[0] = torch.tensor([0.0, -1.0, 5.0])
        >>> fusion({"a": torch.tensor([[-3.0], [3.0]])})[0].tolist()
        [[-1.0, 0.0], [5.0, 0.0]]
    """

    least_modalities = 1
    feature: Tensor
    threshold: Tensor
    left: Tensor
    right: Tensor
    value: Tensor
    output: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        outputs: int,
        trees: int,
        nodes: int,
        depth: int,
        asks: Sequence[str] = (),
        unit: bool = False,
    ) -> None:
        super().__init__(widths, outputs)
        self.depth, self.asks, self.unit = depth, tuple(asks), unit
        self.bias = nn.Parameter(torch.zeros(outputs))
        whole, real = torch.zeros(trees, nodes, dtype=torch.int64), torch.zeros(trees, nodes)
        for name in ("feature", "left", "right"):
            self.register_buffer(name, whole.clone())
        for name in ("threshold", "value"):
            self.register_buffer(name, real.clone())
        self.register_buffer("output", torch.zeros(trees, dtype=torch.int64))

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The sum over the trees; unimodal logits in eval mode only."""
        masks = presence(features, present)
        features = without_absent(features, masks)
        bits = {name: self._bit(features[name], masks.get(name)) for name in self.asks}
        unimodal: dict[str, Tensor] = {}
        if not self.training:
            for name in features:
                own = {n: f if n == name else f * 0 for n, f in features.items()}
                asked = {n: bit if n == name else bit * 0 for n, bit in bits.items()}
                unimodal[name] = kept(self._logits(own, asked), masks.get(name))
        return self._logits(features, bits), unimodal

    def _bit(self, feature: Tensor, mask: Tensor | None) -> Tensor:
        return torch.ones_like(feature[:, :1]) if mask is None else mask.to(feature)

    def _logits(self, features: Features, bits: Mapping[str, Tensor]) -> Tensor:
        rows = torch.cat([*features.values(), *bits.values()], dim=1)
        tree = torch.arange(len(self.output), device=rows.device)
        node = torch.zeros(rows.shape[0], len(tree), dtype=torch.int64, device=rows.device)
        for _ in range(self.depth):
            seen = rows.gather(1, self.feature[tree, node])
            goes_left = seen <= self.threshold[tree, node]
            node = torch.where(goes_left, self.left[tree, node], self.right[tree, node])
        total = self.bias.expand(rows.shape[0], -1).index_add(
            1, self.output, self.value[tree, node]
        )
        return logits_of_unit(total) if self.unit else total
