"""The student: one encoder a modality and a fusion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol, runtime_checkable

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.models.fusion.base import Fusion


@runtime_checkable
class TokenEncoder(Protocol):
    """An encoder that can also give the token sequence it pools its feature from.

    One whose sequences differ in length has an attribute `pads` that is true, and gives tokens
    that are all zero for padding.
    """

    def tokens(self, inputs: Tensor) -> Tensor:
        """Encodes to tokens `(B, N, d)`."""

    def pool(self, tokens: Tensor) -> Tensor:
        """`(B, d)` features from tokens; `encoder(x)` equals `encoder.pool(encoder.tokens(x))`."""


class MultimodalModel(nn.Module):
    """Encoders and a fusion; any `nn.Module` that maps an input to `(B, width)` is an encoder.

    Args:
        encoders: One module a modality; their order is the declared order of the modalities.
        fusion: Built for the same modalities.

    Raises:
        UserError: The modalities or their feature widths differ, or the fusion needs tokens that
            an encoder cannot give.

    Attributes:
        brought: Fusions that a method has put in the place of the first one or around it, in
            order: the class of each by its dotted path as `name`, and its options. With the
            encoders and the first fusion they are what builds this model again.

    Example:
        >>> import torch
        >>> from g2d.models.fusion.late import LateFusion
        >>> model = MultimodalModel(
        ...     {"sound": torch.nn.Linear(4, 8), "image": torch.nn.Linear(5, 8)},
        ...     LateFusion({"sound": 8, "image": 8}, outputs=3),
        ... )
        >>> batch = Batch(
        ...     {"sound": torch.randn(2, 4), "image": torch.randn(2, 5)},
        ...     target=torch.tensor([0, 2]),
        ...     index=torch.arange(2),
        ... )
        >>> outputs = model(batch)
        >>> outputs.logits.shape, outputs.features["sound"].shape
        (torch.Size([2, 3]), torch.Size([2, 8]))
    """

    def __init__(self, encoders: Mapping[str, nn.Module], fusion: Fusion) -> None:
        super().__init__()
        if tuple(encoders) != fusion.modalities:
            raise UserError(
                f"the encoders are for {list(encoders)} and the fusion for "
                f"{list(fusion.modalities)}; give both the same modalities in the same order"
            )
        for name, encoder in encoders.items():
            if fusion.needs_tokens and not isinstance(encoder, TokenEncoder):
                raise UserError(
                    f"{type(fusion).__name__} attends over tokens, and the encoder of {name!r} "
                    f"({type(encoder).__name__}) has no tokens(x) and pool(tokens); add them, or "
                    "use pooled features"
                )
            # an encoder need not declare the width of its features; `forward` checks again
            _check_width(name, getattr(encoder, "feature_width", None), fusion)
        self.encoders = nn.ModuleDict(encoders)
        self.brought: list[dict[str, Any]] = []
        self._put(fusion)

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the declared order."""
        return self.fusion.modalities

    def bring(self, kind: type[Fusion], **options: Any) -> Fusion:
        """Puts a fusion in the place of the present one, or around it.

        Args:
            kind: Its class; `kind.around(fusion, **options)` makes it.
            options: Plain values.
        """
        device = next(self.parameters()).device
        self._put(kind.around(self.fusion, **options).to(device).train(self.training))
        self.brought.append({"name": f"{kind.__module__}.{kind.__qualname__}", **options})
        return self.fusion

    def _put(self, fusion: Fusion) -> None:
        self.fusion = fusion
        pads = [name for name, encoder in self.encoders.items() if getattr(encoder, "pads", False)]
        fusion.expect_padding(pads)

    def forward(self, batch: Batch) -> Outputs:
        """Encodes every modality and fuses the features.

        Raises:
            UserError: The batch has no input for a modality, or an encoder gives features of
                another width than the fusion was built for.
        """
        if not all(name in batch.inputs for name in self.modalities):
            raise UserError(
                f"the batch holds {list(batch.inputs)} and the model reads "
                f"{list(self.modalities)}; give an input for each"
            )
        features: dict[str, Tensor] = {}
        fusion_inputs: dict[str, Tensor] = {}
        for name in self.modalities:
            features[name], fusion_inputs[name] = self.encode(name, batch.input_of(name))
        logits, unimodal = self.fusion(fusion_inputs, batch.present or None)
        return Outputs(logits, features, unimodal, fusion_inputs)

    def encode(self, modality: str, inputs: Tensor) -> tuple[Tensor, Tensor]:
        """Runs one encoder.

        Returns:
            The feature `(B, d_m)`, and what the fusion is given: the same, or tokens.

        Raises:
            UserError: The feature has another width than the fusion was built for.
        """
        encoder = self.encoders[modality]
        if self.fusion.needs_tokens:
            assert isinstance(encoder, TokenEncoder)
            fusion_inputs = encoder.tokens(inputs)
            feature = encoder.pool(fusion_inputs)
        else:
            feature = fusion_inputs = encoder(inputs)
        _check_width(modality, fusion_inputs.shape[-1], self.fusion)
        return feature, fusion_inputs

    def encoder_parameters(self, modality: str) -> list[nn.Parameter]:
        """Every parameter of one encoder that is trained, norms and biases included."""
        return [p for p in self.encoders[modality].parameters() if p.requires_grad]

    def head_parameters(self) -> list[nn.Parameter]:
        """Every parameter of the fusion."""
        return list(self.fusion.parameters())


def _check_width(name: str, width: int | None, fusion: Fusion) -> None:
    if width is not None and width != fusion.widths[name]:
        raise UserError(
            f"the encoder of {name!r} gives features of width {width} and the fusion was built for "
            f"{fusion.widths[name]}; build the fusion with {{{name!r}: {width}}}"
        )
