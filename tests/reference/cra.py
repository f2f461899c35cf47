"""CRA sample by sample, from its equations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from reference.views import Mask, Params, stack


def estimate(p: Params, x: Sequence[Tensor], seen: Sequence[bool], blocks: int) -> Tensor:
    """z after so many blocks, of one sample."""
    z = torch.cat([view if there else 0 * view for view, there in zip(x, seen, strict=True)])
    for b in range(blocks):
        code = stack(p, f"cascade.blocks.{b}.encoder", z, slope=0.01)
        z = z + stack(p, f"cascade.blocks.{b}.decoder", code, slope=0.0)
    return z


def loss(p: Params, x: Sequence[Sequence[Tensor]], there: Mask, hidden: Mask, blocks: int):
    """Mean over samples with something hidden of the squared distance on what is hidden."""
    total, count = torch.zeros((), dtype=torch.float64), 0
    for views, present, gone in zip(x, there, hidden, strict=True):
        if not any(gone):
            continue
        count += 1
        z = estimate(p, views, [a and not b for a, b in zip(present, gone, strict=True)], blocks)
        start = 0
        for view, is_gone in zip(views, gone, strict=True):
            guess = z[start : start + len(view)]
            start += len(view)
            if is_gone:
                for j in range(len(view)):
                    total = total + (guess[j] - view[j]) ** 2
    return total / max(count, 1)


def logits(p: Params, x: Sequence[Tensor], there: Sequence[bool], blocks: int) -> Tensor:
    """Of one sample; observed views are put back."""
    z, start, filled = estimate(p, x, there, blocks), 0, []
    for view, present in zip(x, there, strict=True):
        filled.append(view if present else z[start : start + len(view)])
        start += len(view)
    h = torch.cat(filled)
    for number in (0, 3):
        h = torch.relu(p[f"classifier.{number}.weight"] @ h + p[f"classifier.{number}.bias"])
    return p["classifier.6.weight"] @ h + p["classifier.6.bias"]
