"""The transformer encoder once more, from its equations: one sample, one head, one step at a time.

Double precision, plain matrix products; padding is not masked but cut away. Nothing of the package
is used here. Vaswani et al. 2017 (arXiv 1706.03762), equations 1 and 2 and Sections 3.1 to 3.5.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor

Params = Mapping[str, Tensor]


def place(t: int, width: int) -> Tensor:
    """Section 3.5: sin(t / 10000^(2i/d)) and cos of the same, by turns."""
    values = []
    for column in range(width):
        angle = t / 10000 ** ((column - column % 2) / width)
        values.append(math.cos(angle) if column % 2 else math.sin(angle))
    return torch.tensor(values, dtype=torch.float64)


def layer_norm(p: Params, name: str, x: Tensor) -> Tensor:
    centred = x - x.sum() / len(x)
    scaled = centred / math.sqrt(float(centred @ centred) / len(x) + 1e-5)
    return scaled * p[f"{name}.weight"] + p[f"{name}.bias"]


def attend(p: Params, name: str, steps: list[Tensor], heads: int) -> list[Tensor]:
    """Equation 1 for every head, their results side by side, and the output matrix."""
    width = len(steps[0])
    size = width // heads
    query, key, value = p[f"{name}.in_proj_weight"].split(width)
    query_bias, key_bias, value_bias = p[f"{name}.in_proj_bias"].split(width)
    found = []
    for asking in steps:
        parts = []
        for head in range(heads):
            rows = slice(head * size, (head + 1) * size)
            q = query[rows] @ asking + query_bias[rows]
            weights = [
                math.exp(float(q @ (key[rows] @ x + key_bias[rows])) / math.sqrt(size))
                for x in steps
            ]
            parts.append(
                sum(
                    weight / sum(weights) * (value[rows] @ x + value_bias[rows])
                    for weight, x in zip(weights, steps, strict=True)
                )
            )
        found.append(p[f"{name}.out_proj.weight"] @ torch.cat(parts) + p[f"{name}.out_proj.bias"])
    return found


def encoded(p: Params, steps: Tensor, places: list[int] | None, heads: int) -> Tensor:
    """The tokens `(T, d)` of steps `(T, inputs)` that stand at certain places, or at none."""
    x = [p["project.weight"][:, :, 0] @ step for step in steps.double()]
    if places is not None:
        x = [token + place(t, len(token)) for token, t in zip(x, places, strict=True)]
    layer = 0
    while f"layers.{layer}.norm1.weight" in p:
        name = f"layers.{layer}"
        told = attend(p, f"{name}.self_attn", x, heads)
        x = [layer_norm(p, f"{name}.norm1", a + b) for a, b in zip(x, told, strict=True)]
        for i, token in enumerate(x):
            hidden = p[f"{name}.linear1.weight"] @ token + p[f"{name}.linear1.bias"]
            out = p[f"{name}.linear2.weight"] @ hidden.clamp(min=0) + p[f"{name}.linear2.bias"]
            x[i] = layer_norm(p, f"{name}.norm2", token + out)
        layer += 1
    return torch.stack(x)


def pooled(p: Params, tokens: Tensor, pooling: str) -> Tensor:
    """The feature of the tokens of one sample."""
    if pooling == "first":
        return tokens[0]
    if pooling == "mean":
        return tokens.sum(dim=0) / len(tokens)
    weights = [math.exp(float(p["score.weight"][0] @ token)) for token in tokens]
    return sum((w / sum(weights) * t for w, t in zip(weights, tokens, strict=True)), tokens[0] * 0)
