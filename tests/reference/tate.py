"""TATE token by token, from its equations; without dropout."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reference.views import Mask, Params, cross_entropy, linear


def softmax(x: Tensor) -> Tensor:
    return torch.exp(x) / torch.exp(x).sum()


def norm(p: Params, key: str, x: Tensor) -> Tensor:
    mean = x.mean()
    variance = ((x - mean) ** 2).mean()
    return (x - mean) / torch.sqrt(variance + 1e-5) * p[f"{key}.weight"] + p[f"{key}.bias"]


def block(p: Params, key: str, tokens: list[Tensor], heads: int) -> list[Tensor]:
    """Post-norm attention, then post-norm feed-forward with ReLU."""
    width = len(tokens[0])
    size = width // heads
    weight, bias = p[f"{key}.self_attn.in_proj_weight"], p[f"{key}.self_attn.in_proj_bias"]
    q, k, v = (
        [
            weight[i * width : (i + 1) * width] @ t + bias[i * width : (i + 1) * width]
            for t in tokens
        ]
        for i in range(3)
    )
    out = []
    for i, token in enumerate(tokens):
        mixed = []
        for head in range(heads):
            part = slice(head * size, (head + 1) * size)
            scores = torch.stack([q[i][part] @ other[part] / math.sqrt(size) for other in k])
            attention = softmax(scores)
            mixed.append(sum(a * other[part] for a, other in zip(attention, v, strict=True)))
        a = norm(
            p, f"{key}.norm1", token + linear(p, f"{key}.self_attn.out_proj", torch.cat(mixed))
        )
        f = linear(p, f"{key}.linear2", torch.relu(linear(p, f"{key}.linear1", a)))
        out.append(norm(p, f"{key}.norm2", a + f))
    return out


def tag(present: Sequence[bool]) -> list[float]:
    return [float(all(present)), *[float(not there) for there in present]]


@dataclass
class Made:
    """Of one sample."""

    tokens: list[Tensor]
    encoded: list[Tensor]
    decoded: list[Tensor]
    pooled: Tensor
    logits: Tensor


def network(
    p: Params,
    names: Sequence[str],
    views: Sequence[Tensor],
    present: Sequence[bool],
    heads: int,
    padding: int,
) -> Made:
    k = len(names)
    own = []
    for name, view, there in zip(names, views, present, strict=True):
        tokens = list(view) if view.ndim == 2 else [view]
        tokens = [t if there else torch.zeros_like(t) for t in tokens]
        own.append(
            block(p, f"blocks.{name}", [linear(p, f"inputs.{name}", t) for t in tokens], heads)
        )
    bits = torch.tensor(tag(present) + [0.0] * padding, dtype=torch.float64)
    given = []
    for a in range(k):
        for token in own[a]:
            shared = [
                p[f"pairs.{min(a, b)}-{max(a, b)}.weight"] @ token for b in range(k) if b != a
            ]
            given.append(torch.cat([*shared, bits]))
    encoded = block(p, "encoder", given, heads)
    scores = [
        linear(
            p,
            "pool_score",
            linear(p, "pool_value", t) / (1 + torch.exp(-linear(p, "pool_gate", t))),
        )[0]
        for t in encoded
    ]
    attention = softmax(torch.stack(scores))
    pooled = sum(a * t for a, t in zip(attention, encoded, strict=True))
    return Made(
        given,
        encoded,
        block(p, "decoder", encoded, heads),
        pooled,
        linear(p, "head", linear(p, "project", pooled)),
    )


def divergence(first: list[Tensor], second: list[Tensor]) -> Tensor:
    """KL there and KL back, the mean over tokens."""
    total = torch.zeros((), dtype=torch.float64)
    for x, y in zip(first, second, strict=True):
        a, b = softmax(x), softmax(y)
        total = total + (a * torch.log(a / b)).sum() + (b * torch.log(b / a)).sum()
    return total / len(first)


def loss(
    p: Params,
    names: Sequence[str],
    x: Sequence[Sequence[Tensor]],
    there: Mask,
    hidden: Mask,
    target: Sequence[int],
    heads: int,
    padding: int,
    teacher: Params | None = None,
    weights: tuple[float, float, float, float] = (0.1, 0.1, 0.1, 1e-5),
) -> Tensor:
    """The sum over samples; without a teacher, without its term."""
    total = weights[3] * ((p["head.weight"] ** 2).sum() + (p["head.bias"] ** 2).sum())
    for views, present, gone, y in zip(x, there, hidden, target, strict=True):
        seen = [a and not b for a, b in zip(present, gone, strict=True)]
        made = network(p, names, views, seen, heads, padding)
        total = total + cross_entropy(made.logits, y)
        total = total + weights[1] * divergence(made.decoded, made.tokens)
        bits = tag(seen)
        start = len(made.pooled) - padding - len(bits)
        error = [
            abs(bit - 1 / (1 + torch.exp(-made.pooled[start + j]))) for j, bit in enumerate(bits)
        ]
        total = total + weights[2] * sum(error) / len(error)
        if teacher is not None:
            truth = network(teacher, names, views, present, heads, padding)
            goal = [t.detach() for t in truth.encoded]
            total = total + weights[0] * divergence(made.encoded, goal)
    return total
