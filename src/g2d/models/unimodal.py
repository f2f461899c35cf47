"""A teacher: one encoder and a linear head, for one modality."""

from __future__ import annotations

from torch import nn

from g2d.batch import Batch, Call, Outputs
from g2d.models.fusion.base import xavier


class UnimodalModel(nn.Module):
    """Predicts from one modality of the batch, and reads no other.

    It returns `Outputs` like a multimodal model, so the same loop trains it.

    Args:
        modality: Which input it reads.
        encoder: Any module that maps the input to `(B, width)`.
        width: The encoder's feature width.
        outputs: Width of the logits.

    Example:
        >>> import torch
        >>> teacher = UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
        >>> batch = Batch({"sound": torch.randn(2, 4)}, torch.tensor([0, 2]), torch.arange(2))
        >>> teacher(batch).logits.shape
        torch.Size([2, 3])
    """

    def __init__(self, modality: str, encoder: nn.Module, width: int, outputs: int) -> None:
        super().__init__()
        self.modality = modality
        self.encoder = encoder
        self.head = nn.Linear(width, outputs)
        xavier(self.head)

    @property
    def modalities(self) -> tuple[str, ...]:
        """The modality, in a tuple of one."""
        return (self.modality,)

    def forward(self, batch: Batch) -> Outputs:
        """Encodes the modality and predicts from its feature."""
        inputs = batch.input_of(self.modality)
        feature = inputs.into(self.encoder) if isinstance(inputs, Call) else self.encoder(inputs)
        logits = self.head(feature)
        return Outputs(
            logits=logits, features={self.modality: feature}, unimodal={self.modality: logits}
        )
