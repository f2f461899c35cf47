"""What a model says from some of its modalities, and what each of them adds to that."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
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


def shapley(worth: Mapping[frozenset[str], Tensor]) -> dict[str, Tensor]:
    """φ_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! [v(S + m) - v(S)], the Shapley values.

    Args:
        worth: v of every coalition; the empty one, left out, counts as 0.

    Example:
        >>> one, other, both = coalitions(("sound", "image"))
        >>> shapley({one: torch.tensor(3.0), other: torch.tensor(1.0), both: torch.tensor(6.0)})
        {'sound': tensor(4.), 'image': tensor(2.)}
    """
    names = [name for coalition in worth if len(coalition) == 1 for name in coalition]
    values = {}
    for name in names:
        gains = []
        for whole, value in worth.items():
            if name in whole:
                gain = value - worth[whole - {name}] if len(whole) > 1 else value
                gains.append(gain / (len(names) * math.comb(len(names) - 1, len(whole) - 1)))
        values[name] = torch.stack(gains).sum(dim=0)
    return values


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
    return student.fuse(outputs, outputs.fused_from, present)


def anyone(batch: Batch, coalition: Collection[str]) -> Tensor | None:
    """Which samples have one of these modalities at least, `(B,)`; `None` for all."""
    if any(name not in batch.present for name in coalition):
        return None
    return torch.stack([batch.present[name] for name in coalition]).any(dim=0)
