"""What every fusion returns: the fused logits, and the unimodal logits of each modality."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Self

import torch
from torch import Tensor, nn

from g2d.errors import UserError, check_mapping
from g2d.models.names import check_names
from g2d.models.tokens import filled_mean

Features = Mapping[str, Tensor]
Present = Mapping[str, Tensor]


class Fusion(nn.Module, ABC):
    """From the features of every modality to one prediction.

    A fusion is built from the widths of the features it will get, so any encoder fits it. It is
    called with features `(B, d_m)`, or `(B, N_m, d_m)` tokens where `needs_tokens` is true, and
    with `present`, bool `(B,)` for each modality that can be missing. The values of an absent
    modality have no influence on the logits of its sample, and get no gradient from it.

    Args:
        widths: Feature width of every modality, in the declared order.
        outputs: Width of the logits.

    Raises:
        UserError: There are fewer than two modalities, or PyTorch cannot hold one's name.

    Attributes:
        needs_tokens: Whether `forward` wants token sequences instead of pooled features.
        has_own_heads: Whether each modality has a head that serves it alone, in `heads`.
        additive: Whether the logits are a sum over modalities, and the unimodal logits its terms.
        least_modalities: How many it needs.
        padded: Modalities of whose tokens those that are all zero are padding. A model sets them
            when it is built with encoders that pad (`expect_padding`).

    Example:
        >>> class Product(Fusion):
        ...     def __init__(self, widths, outputs):
        ...         super().__init__(widths, outputs)
        ...         self.heads = linear_heads(widths, outputs)
        ...
        ...     def forward(self, features, present=None):
        ...         logits = {name: self.heads[name](features[name]) for name in features}
        ...         return torch.stack(list(logits.values())).prod(dim=0), logits
        >>> Product({"sound": 4, "image": 4}, outputs=3).modalities
        ('sound', 'image')
    """

    needs_tokens = False
    has_own_heads = False
    additive = False
    least_modalities = 2
    padded: frozenset[str] = frozenset()
    heads: nn.ModuleDict

    def __init__(self, widths: Mapping[str, int], outputs: int) -> None:
        super().__init__()
        check_mapping("widths", widths, "'sound': 32")
        if len(widths) < self.least_modalities:
            raise UserError(
                f"a fusion needs {self.least_modalities} modalities or more, got {list(widths)}"
            )
        check_names(widths)
        self.widths = dict(widths)
        self.outputs = outputs

    @classmethod
    def around(cls, fusion: Fusion, **options: Any) -> Self:
        """Builds a fusion of this class for the features of another fusion.

        Args:
            fusion: In whose place it is put; some classes keep it inside.
            options: Of this class.
        """
        return cls(fusion.widths, fusion.outputs, **options)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the declared order."""
        return tuple(self.widths)

    def expect_padding(self, modalities: Collection[str]) -> None:
        """Takes tokens of these modalities that are all zero for padding, here and in all parts.

        For other modalities they are tokens like any other: a map has such positions where its
        last ReLU lets nothing through.
        """
        for part in self.modules():
            if isinstance(part, Fusion):
                part.padded = frozenset(modalities)

    def pooled(self, features: Features) -> dict[str, Tensor]:
        """Features `(B, d_m)`: tokens are averaged, without padding."""
        return {
            name: _mean_token(value, name in self.padded) if value.ndim > 2 else value
            for name, value in features.items()
        }

    def projected(self, features: Features) -> Features:
        """The projections that a gated fusion gates; the features themselves in any other."""
        return features

    @abstractmethod
    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Fuses features into logits and unimodal logits.

        Returns:
            The fused logits `(B, C)` and the unimodal logits `(B, C)` of every modality: always for
            fusions that are a sum over modalities, only in eval mode for the others (they need a
            pass of the head for each modality, which training has no use for).
        """

    def head_parameters_of(self, modality: str) -> list[nn.Parameter]:
        """Parameters that serve this modality alone (its own head, in late and sum fusion).

        Raises:
            UserError: This fusion shares its parameters between modalities.
        """
        if self.has_own_heads:
            return list(self.heads[modality].parameters())
        raise UserError(
            f"{type(self).__name__} has no head of its own for {modality!r}, so its branch cannot "
            "be frozen; use scope 'encoder', or late or sum fusion"
        )


class HeadFusion(Fusion):
    """A head for each modality, in `heads`, and one prediction made of their logits.

    A subclass makes the heads. Where the fused logits are not the sum of theirs, it overrides
    `together`.
    """

    has_own_heads = True
    additive = True

    def forward(
        self, features: Features, present: Present | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """The fused logits of the modalities that are present, and the logits of their heads."""
        masks = presence(features, present)
        unimodal = head_readouts(self.heads, features, masks)
        return self.together(unimodal, masks), unimodal

    def together(self, unimodal: Mapping[str, Tensor], masks: Mapping[str, Tensor]) -> Tensor:
        """The fused logits `(B, C)`.

        Args:
            unimodal: Logits `(B, C)` of every head, zero where the modality is absent.
            masks: Which samples have a modality, bool `(B, 1)`, of those that can be missing.
        """
        return add(unimodal)


def _mean_token(tokens: Tensor, padded: bool) -> Tensor:
    return filled_mean(tokens) if padded else tokens.flatten(1, -2).mean(dim=1)


def presence(features: Features, present: Present | None) -> dict[str, Tensor]:
    """A bool mask `(B, 1)` for each modality that can be missing.

    Example:
        >>> import torch
        >>> presence({"sound": torch.zeros(2, 3)}, {"sound": torch.tensor([True, False])})
        {'sound': tensor([[ True],
                [False]])}
    """
    return {
        name: mask.to(torch.bool)[:, None]
        for name, mask in (present or {}).items()
        if name in features
    }


def masks_of(modalities: Iterable[str], masks: Mapping[str, Tensor]) -> list[Tensor | None]:
    """Masks `(B,)` in the order of the modalities, `None` for one that no sample lacks.

    Example:
        >>> import torch
        >>> masks_of(("sound", "image"), {"image": torch.tensor([[True], [False]])})
        [None, tensor([ True, False])]
    """
    return [masks[name].squeeze(1) if name in masks else None for name in modalities]


def without_absent(features: Features, masks: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The features with zeros where a modality is absent.

    Whatever stood there (even `nan`) is cut off here, forward and backward, before any layer
    sees it.

    Example:
        >>> import torch
        >>> without_absent({"sound": torch.ones(2, 3)}, {"sound": torch.tensor([[True], [False]])})
        {'sound': tensor([[1., 1., 1.],
                [0., 0., 0.]])}
    """
    return {name: kept(feature, masks.get(name)) for name, feature in features.items()}


def kept(value: Tensor, mask: Tensor | None) -> Tensor:
    """A value `(B, ...)` with zeros where its mask `(B, 1)` is false."""
    if mask is None:
        return value
    return value.masked_fill(~mask.reshape(-1, *[1] * (value.ndim - 1)), 0.0)


def head_readouts(
    heads: nn.ModuleDict, features: Features, masks: Mapping[str, Tensor]
) -> dict[str, Tensor]:
    """The logits of every modality's head; zero where the modality is absent."""
    features = without_absent(features, masks)
    return {name: kept(head(features[name]), masks.get(name)) for name, head in heads.items()}


def add(terms: Mapping[str, Tensor]) -> Tensor:
    """The sum of the logits over modalities."""
    return torch.stack(list(terms.values())).sum(dim=0)


def linear_heads(widths: Mapping[str, int], outputs: int) -> nn.ModuleDict:
    """One linear head for each modality, Xavier-normal with zero bias as in the paper."""
    heads = nn.ModuleDict({name: nn.Linear(width, outputs) for name, width in widths.items()})
    for head in heads.values():
        xavier(head)
    return heads


def xavier(linear: nn.Module) -> None:
    """Initialises a linear layer as the paper's code does: Xavier-normal weight, zero bias."""
    assert isinstance(linear, nn.Linear)
    nn.init.xavier_normal_(linear.weight)
    nn.init.zeros_(linear.bias)
