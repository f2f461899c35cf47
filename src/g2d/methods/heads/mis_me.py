"""The heads of MIS-ME: one over all features, one for each branch, and branches under scalars."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from g2d.errors import UserError
from g2d.models.fusion.ablation import AblationFusion
from g2d.models.fusion.base import (
    Features,
    Fusion,
    Present,
    add,
    kept,
    presence,
    without_absent,
    xavier,
)
from g2d.models.fusion.unimodal_heads import UnimodalHeads

# A branch that is wider has hidden layers of its own.
WIDE = 64


class DeepConcatFusion(AblationFusion):
    """z = W_3 s(W_2 r(W_1 [n(f_1); …; n(f_k)] + b_1) + b_2) + b_3, the joint head of MIS-ME.

    n is batch norm; r and s are batch norm, ReLU and dropout (0.3, then 0.5). The hidden layers
    have 256 and 128 units. n and W_1 are stored as one block for each modality, whose outputs are
    added: the same functions as over the concatenation. An absent modality adds nothing, but its
    zeros enter the statistics of n. The unimodal logits are mean-ablations, in eval mode.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.

    Example:
        >>> fusion = DeepConcatFusion({"weather": 16, "soil": 1280}, outputs=1)
        >>> sum(p.numel() for p in fusion.parameters())
        368417
    """

    hidden = (256, 128)

    def __init__(self, widths: Mapping[str, int], outputs: int) -> None:
        super().__init__(widths, outputs)
        first, second = self.hidden
        total = sum(widths.values())
        self.norms = nn.ModuleDict({name: nn.BatchNorm1d(width) for name, width in widths.items()})
        self.blocks = nn.ModuleDict(
            {name: nn.Linear(width, first, bias=False) for name, width in widths.items()}
        )
        for block in self.blocks.values():
            assert isinstance(block, nn.Linear)
            # as Xavier-normal over the concatenation
            nn.init.normal_(block.weight, std=(2 / (total + first)) ** 0.5)
        self.bias = nn.Parameter(torch.zeros(first))
        self.rest = _rest(first, second, outputs)

    def fuse(self, features: Features, masks: Mapping[str, Tensor]) -> Tensor:
        """The fused logits `(B, C)`.

        Raises:
            UserError: Training on a single sample.
        """
        terms = {}
        for name, block in self.blocks.items():
            _check_size(features[name], self.training)
            terms[name] = block(kept(self.norms[name](features[name]), masks.get(name)))
        logits: Tensor = self.rest(add(terms) + self.bias)
        return logits


class WideHead(nn.Module):
    """Linear layers d → d/2 → d/4 → C, the first two with batch norm, ReLU and dropout.

    Args:
        width: d.
        outputs: C.

    Example:
        >>> sum(p.numel() for p in WideHead(1280, 1).parameters())
        1027201
    """

    def __init__(self, width: int, outputs: int) -> None:
        super().__init__()
        self.first = nn.Linear(width, width // 2)
        xavier(self.first)
        self.rest = _rest(width // 2, width // 4, outputs)

    def forward(self, feature: Tensor) -> Tensor:
        """Logits `(B, C)` of features `(B, d)`.

        Raises:
            UserError: Training on a single sample.
        """
        _check_size(feature, self.training)
        logits: Tensor = self.rest(self.first(feature))
        return logits


def branch_heads(widths: Mapping[str, int], outputs: int) -> nn.ModuleDict:
    """A head for each modality: a `WideHead` on more than 64 units, else one linear layer.

    Example:
        >>> heads = branch_heads({"weather": 16, "soil": 1280}, outputs=1)
        >>> [type(head).__name__ for head in heads.values()]
        ['Linear', 'WideHead']
    """
    return nn.ModuleDict({name: _branch_head(width, outputs) for name, width in widths.items()})


class BranchHeads(UnimodalHeads):
    """Any fusion, with the head of MIS-ME for each branch beside it.

    Args:
        fusion: Makes the fused prediction, unchanged.

    Example:
        >>> from g2d.models.fusion import SumFusion
        >>> heads = BranchHeads(SumFusion({"weather": 16, "soil": 1280}, outputs=1)).heads
        >>> [type(head).__name__ for head in heads.values()]
        ['Linear', 'WideHead']
    """

    def __init__(self, fusion: Fusion) -> None:
        super().__init__(fusion, heads=branch_heads(fusion.widths, fusion.outputs))


class WeightedBranches(Fusion):
    """z = Σ_m a_m z_m with z_m = g_m(a_m f_m), g_m the head of the branch and a_m learned.

    The unimodal logits of a modality are its term. Absent modalities are left out of the sum.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.
        complementary: One scalar for two modalities, a from 1/2 on and 1 - a for the second,
            in the place of one for each from 1 on.

    Raises:
        UserError: `complementary` with more than two modalities.

    Example:
        >>> import torch
        >>> fusion = WeightedBranches({"sound": 4, "image": 6}, outputs=3)
        >>> logits, unimodal = fusion({"sound": torch.randn(2, 4), "image": torch.randn(2, 6)})
        >>> torch.allclose(logits, unimodal["sound"] + unimodal["image"])
        True
    """

    has_own_heads = True
    additive = True

    def __init__(
        self, widths: Mapping[str, int], outputs: int, complementary: bool = False
    ) -> None:
        super().__init__(widths, outputs)
        if complementary and len(widths) != 2:
            raise UserError(
                f"complementary scalars are a and 1 - a, got {len(widths)} modalities, expected 2; "
                "give each modality a scalar of its own"
            )
        self.heads = branch_heads(widths, outputs)
        self.share: nn.Parameter | None = None
        self.scales = nn.ModuleDict()
        if complementary:
            self.share = nn.Parameter(torch.tensor(0.5))
        else:
            self.scales = nn.ModuleDict({name: _Scalar() for name in widths})

    def scalars(self) -> dict[str, Tensor]:
        """The weight a_m of every modality."""
        if self.share is not None:
            return dict(zip(self.modalities, (self.share, 1 - self.share), strict=True))
        return {name: scalar() for name, scalar in self.scales.items()}

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The terms of the modalities that are there, and their sum."""
        masks = presence(features, present)
        there, scalars = without_absent(features, masks), self.scalars()
        unimodal = {
            name: kept(scalars[name] * head(scalars[name] * there[name]), masks.get(name))
            for name, head in self.heads.items()
        }
        return add(unimodal), unimodal

    def head_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """The head of this modality, and its scalar where that is its own."""
        parameters = list(self.heads[modality].parameters())
        if self.share is None:
            parameters += self.scales[modality].parameters()
        return parameters


class _Scalar(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.value = nn.Parameter(torch.ones(()))

    def forward(self) -> Tensor:
        return self.value


def _branch_head(width: int, outputs: int) -> nn.Module:
    if width > WIDE:
        return WideHead(width, outputs)
    head = nn.Linear(width, outputs)
    xavier(head)
    return head


def _rest(first: int, second: int, outputs: int) -> nn.Sequential:
    """What follows the first linear layer of a head with two hidden layers."""
    inside, last = nn.Linear(first, second), nn.Linear(second, outputs)
    xavier(inside)
    xavier(last)
    return nn.Sequential(
        nn.BatchNorm1d(first),
        nn.ReLU(),
        nn.Dropout(0.3),
        inside,
        nn.BatchNorm1d(second),
        nn.ReLU(),
        nn.Dropout(0.5),
        last,
    )


def _check_size(feature: Tensor, training: bool) -> None:
    if training and len(feature) == 1:
        raise UserError(
            "MIS-ME's heads got one sample to train on, expected 2 or more because batch norm "
            "cannot normalise a single value; choose a batch size that leaves no batch of one"
        )
