"""The predictions of a model from some of its modalities."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from itertools import combinations

import torch
from torch import Tensor

from g2d.batch import Batch, Outputs
from g2d.student.base import Student


def coalitions(modalities: Sequence[str]) -> Iterator[frozenset[str]]:
    """Every set of modalities that is not empty, the smaller before the larger.

    Example:
        >>> [sorted(coalition) for coalition in coalitions(("sound", "image"))]
        [['sound'], ['image'], ['image', 'sound']]
    """
    for size in range(1, len(modalities) + 1):
        yield from map(frozenset, combinations(modalities, size))


def coalition_logits(
    student: Student, outputs: Outputs, batch: Batch, coalition: Collection[str]
) -> Tensor:
    """The fused logits with all modalities but these marked absent.

    The encoders' features are taken from the outputs; only the fusion runs once more, or what
    follows the encoders in an attached model, where an absent modality has a feature of zeros. With
    all modalities it is what the outputs hold.
    """
    if len(coalition) == len(student.modalities):
        return outputs.logits
    nobody = torch.zeros(len(batch), dtype=torch.bool, device=batch.target.device)
    present = dict(batch.present)
    present |= {name: nobody for name in student.modalities if name not in coalition}
    return student.fuse(outputs, outputs.fusion_inputs, present)


def anyone(batch: Batch, coalition: Collection[str]) -> Tensor | None:
    """Which samples have one of these modalities at least, `(B,)`; `None` for all."""
    if any(name not in batch.present for name in coalition):
        return None
    return torch.stack([batch.present[name] for name in coalition]).any(dim=0)
