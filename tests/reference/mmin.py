"""MMIN sample by sample, from its equations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from reference.views import Mask, Params, cross_entropy, linear, stack


def head(p: Params, key: str, h: Tensor) -> Tensor:
    for number in (0, 3):
        h = torch.relu(linear(p, f"{key}.{number}", h))
    return linear(p, f"{key}.6", h)


def features(
    p: Params, key: str, names: Sequence[str], x: Sequence[Tensor], shown: Sequence[bool]
) -> list[Tensor]:
    return [
        torch.relu(linear(p, f"{key}.{name}.0", view if there else torch.zeros_like(view)))
        for name, view, there in zip(names, x, shown, strict=True)
    ]


def full_loss(p: Params, names: Sequence[str], x, there: Mask, target: Sequence[int]) -> Tensor:
    """Stage 1."""
    total = torch.zeros((), dtype=torch.float64)
    for views, present, y in zip(x, there, target, strict=True):
        h = torch.cat(features(p, "encoders", names, views, present))
        total = total + cross_entropy(head(p, "classifier", h), y)
    return total / len(target)


def cascade(p: Params, key: str, u: Tensor, blocks: int) -> tuple[Tensor, list[Tensor]]:
    """u_b = u_{b-1} + o_{b-1}, c_b = Enc_b(u_b), o_b = Dec_b(c_b)."""
    o, codes = torch.zeros_like(u), []
    for b in range(blocks):
        u = u + o
        codes.append(stack(p, f"{key}.blocks.{b}.encoder", u, slope=0.01))
        o = stack(p, f"{key}.blocks.{b}.decoder", codes[-1], slope=0.0)
    return u + o, codes


def loss(
    p: Params,
    names: Sequence[str],
    x: Sequence[Sequence[Tensor]],
    there: Mask,
    hidden: Mask,
    target: Sequence[int],
    blocks: int,
    weights: tuple[float, float] = (4.0, 2.0),
) -> Tensor:
    """Stage 2."""
    supervised = torch.zeros((), dtype=torch.float64)
    ahead: list[Tensor] = []
    back: list[Tensor] = []
    for views, present, gone, y in zip(x, there, hidden, target, strict=True):
        seen = [a and not b for a, b in zip(present, gone, strict=True)]
        parts = features(p, "encoders", names, views, seen)
        u, codes = cascade(p, "there.0", torch.cat(parts), blocks)
        supervised = supervised + cross_entropy(head(p, "classifier", torch.cat(codes)), y)
        if not any(gone):
            continue
        imagined = stack(p, "there.1", u, slope=0.0)
        truth = features(p, "teacher", names, views, gone)
        start = 0
        for present_here, part in zip(present, truth, strict=True):
            guess = imagined[start : start + len(part)]
            start += len(part)
            if present_here:
                ahead += list((guess - part.detach()) ** 2)
        returned = stack(p, "back.1", cascade(p, "back.0", imagined, blocks)[0], slope=0.0)
        back += list((returned - torch.cat(parts).detach()) ** 2)
    total = supervised / len(target)
    if ahead:
        total = total + weights[0] * sum(ahead) / len(ahead) + weights[1] * sum(back) / len(back)
    return total
