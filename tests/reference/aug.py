"""AUG once more, as the authors' code computes it: plain loops over turns and samples.

Encoders are linear layers, everything is in double precision; the optimizer is SGD with momentum.
Jiang, Huang and Yang, NeurIPS 2025 (arXiv 2502.20120). Nothing of the package is used here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

Params = dict[str, Tensor]
Present = Mapping[str, Sequence[bool]]
Sample = tuple[Mapping[str, Tensor], Tensor, Present]


@dataclass(frozen=True)
class Plan:
    """`every`: epochs between two checks; `trained`: whether later layers are."""

    every: int = 1
    discount: float = 0.5
    tolerance: float = 0.01
    most: int = 11
    trained: bool = True
    rate: float = 0.05
    momentum: float = 0.9
    decay: float = 0.02


def says(p: Params, m: str, number: int, x: Tensor) -> list[Tensor]:
    """What each classifier of a modality says of one sample."""
    f = p[f"encoder.{m}.weight"] @ x + p[f"encoder.{m}.bias"]
    rows = []
    for i in range(number):
        hidden = p[f"layers.{m}.{i}.weight"] @ f + p[f"layers.{m}.{i}.bias"]
        hidden = torch.stack([h if h > 0 else 0 * h for h in hidden])
        rows.append(p["output.weight"] @ hidden + p["output.bias"])
    return rows


def probability(row: Tensor, y: int) -> Tensor:
    return torch.exp(row[y]) / torch.exp(row).sum()


def cross_entropy(row: Tensor, soft: Sequence[float]) -> Tensor:
    """With a label that is soft, and need not sum to 1."""
    total = torch.log(torch.exp(row).sum())
    return sum((s * (total - row[c]) for c, s in enumerate(soft)), torch.zeros(()).double())


def loss_of(rows: Sequence[Tensor], y: int, discount: float) -> Tensor:
    """Of one sample; the label of the youngest classifier is what the others leave of it."""
    label = [float(c == y) for c in range(len(rows[0]))]
    whole = sum(rows[1:], rows[0])
    if len(rows) == 1:
        return cross_entropy(whole, label)
    before = sum(rows[1:-1], rows[0])
    known = float(probability(before, y).detach())
    residual = [share - discount * share * known for share in label]
    return (
        cross_entropy(whole, label)
        + cross_entropy(before, label)
        + cross_entropy(rows[-1], residual)
    )


def train(
    params: Mapping[str, Tensor],
    order: Sequence[str],
    epochs: Sequence[Sequence[Sample]],
    plan: Plan,
) -> tuple[list[float], Params, list[dict[str, int]]]:
    """Mean losses of the steps, the last parameters, and the classifiers of every epoch."""
    p: Params = {key: value.double() for key, value in params.items()}
    velocity: Params = {}
    number = dict.fromkeys(order, 1)
    history, counts = [], []
    for epoch, steps in enumerate(epochs):
        counts.append(dict(number))
        confidence: dict[str, list[float]] = {m: [] for m in order}
        for inputs, target, present in steps:
            losses = []
            for m in order:
                learned = range(number[m] if plan.trained else 1)
                own = ("output.", f"encoder.{m}.", *(f"layers.{m}.{i}." for i in learned))
                leaves = {key: p[key].detach().requires_grad_() for key in p if key.startswith(own)}
                q = {**p, **leaves}
                mask = present.get(m, [True] * len(target))
                there = [i for i in range(len(target)) if mask[i]]
                loss = sum((v.sum() * 0 for v in leaves.values()), torch.zeros(()).double())
                for i in there:
                    rows = says(q, m, number[m], inputs[m][i].double())
                    y = int(target[i])
                    loss = loss + loss_of(rows, y, plan.discount) / len(there)
                    confidence[m].append(float(probability(sum(rows[1:], rows[0]), y).detach()))
                found = torch.autograd.grad(loss, list(leaves.values()))
                for key, gradient in zip(leaves, found, strict=True):
                    push = gradient + plan.decay * p[key]
                    if key in velocity:
                        push = push + plan.momentum * velocity[key]
                    velocity[key] = push
                    p[key] = p[key] - plan.rate * push
                losses.append(float(loss.detach()))
            history.append(sum(losses) / len(losses))
        if epoch == 0 or (epoch + 1) % plan.every == 0:
            mean = {m: sum(seen) / len(seen) for m, seen in confidence.items() if seen}
            behind = min(mean, key=lambda m: mean[m])
            if max(mean.values()) / mean[behind] > 1 + plan.tolerance:
                number[behind] = min(number[behind] + 1, plan.most)
    return history, p, counts
