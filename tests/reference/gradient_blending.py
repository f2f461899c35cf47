"""Gradient-Blending once more, from the equations, with loops over epochs, losses and samples.

The networks are linear: one matrix an encoder, one for the fusion over all features side by side,
one for each modality's own classifier.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

Params = dict[str, Tensor]
Step = tuple[Mapping[str, Tensor], Tensor, Mapping[str, Sequence[bool]]]


def cross_entropy(row: Tensor, target: int) -> Tensor:
    return torch.log(torch.exp(row).sum()) - row[target]


def weights_of(
    before: Mapping[str, tuple[float, float]],
    after: Mapping[str, tuple[float, float]],
    present: Mapping[str, float],
    floor: float,
    least: float = 0.0,
) -> dict[str, float]:
    """w = G / O², a sum of 1, from (L^T, L^V) at two checkpoints; a part of it in equal shares."""
    raw = {}
    for name, (train0, val0) in before.items():
        train1, val1 = after[name]
        generalisation = val0 - val1
        overfitting = abs((val1 - train1) - (val0 - train0))
        overfitting = max(overfitting, floor)
        raw[name] = generalisation / overfitting**2 if generalisation > 0 else 0.0
    total = sum(raw.values())
    if not total:
        return dict(present)
    blended = {name: value / total for name, value in raw.items()}
    return {name: w - least * (w - 1 / len(raw)) for name, w in blended.items()}


def train(
    start: Mapping[str, Tensor],
    epochs: Sequence[Sequence[Step]],
    validation: Sequence[Mapping[str, float]],
    n: int,
    floor: float,
    rate: float,
    fixed: Mapping[str, float] | None = None,
    least: float = 0.0,
) -> list[tuple[list[float], dict[str, float], Params]]:
    """Losses of every epoch, the weights it was trained with, and the parameters after it."""
    params = {key: value.double() for key, value in start.items()}
    modalities = list(epochs[0][0][0])
    names = ["fused", *modalities]
    w = dict(fixed) if fixed else {name: 1 / len(names) for name in names}
    history = []
    checkpoint: dict[str, tuple[float, float]] = {}
    for e, steps in enumerate(epochs):
        losses = []
        seen: dict[str, list[float]] = {name: [] for name in names}
        for inputs, target, present in steps:
            p = {key: value.detach().requires_grad_() for key, value in params.items()}
            each: dict[str, list[Tensor]] = {name: [] for name in names}
            for i in range(len(target)):
                features = {}
                for m in modalities:
                    there = m not in present or present[m][i]
                    x = inputs[m][i].double()
                    features[m] = p[f"encoder.{m}"] @ x if there else 0 * (p[f"encoder.{m}"] @ x)
                    if there:
                        row = p[f"head.{m}"] @ features[m]
                        each[m].append(cross_entropy(row, int(target[i])))
                row = p["fusion"] @ torch.cat([features[m] for m in modalities])
                each["fused"].append(cross_entropy(row, int(target[i])))
            loss = sum(w[name] * sum(each[name]) / len(each[name]) for name in names)
            gradients = torch.autograd.grad(loss, list(p.values()))
            params = {
                key: value.detach() - rate * gradient
                for (key, value), gradient in zip(p.items(), gradients, strict=True)
            }
            losses.append(loss.item())
            for name in names:
                seen[name] += [value.item() for value in each[name]]
        history.append((losses, dict(w), dict(params)))
        now = {name: (sum(seen[name]) / len(seen[name]), validation[e][name]) for name in names}
        if e == 0:
            checkpoint = now
        elif e % n == 0 and not fixed:
            w = weights_of(checkpoint, now, w, floor, least)
            checkpoint = now
    return history
