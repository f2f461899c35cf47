"""CPM-Nets by brute force over pairs of samples, from its equations."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from reference.views import Adam, Mask, Params, linear


def decode(p: Params, name: str, h: Tensor) -> Tensor:
    return linear(p, f"decoders.{name}.1", linear(p, f"decoders.{name}.0", h))


def reconstruction(p: Params, names: Sequence[str], h, x, there: Mask) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for latent, views, present in zip(h, x, there, strict=True):
        for name, view, is_there in zip(names, views, present, strict=True):
            if is_there:
                total = total + ((decode(p, name, latent) - view) ** 2).sum()
    return total


def likeness(
    h: Tensor, latents: Tensor, target: Sequence[int], c: int, leave_out: int | None
) -> Tensor | None:
    """The mean inner product with class c; zero where only the sample itself is of it."""
    members = [j for j, y in enumerate(target) if y == c]
    if not members:
        return None
    others = [j for j in members if j != leave_out]
    products = [h @ latents[j] for j in others]
    return sum(products) / len(products) if products else torch.zeros((), dtype=torch.float64)


def class_term(latents: Tensor, target: Sequence[int], classes: int) -> Tensor:
    total = torch.zeros((), dtype=torch.float64)
    for n, y in enumerate(target):
        scores = {}
        for c in range(classes):
            score = likeness(latents[n], latents, target, c, n)
            if score is not None:
                scores[c] = score
        guess = max(scores, key=lambda c: scores[c].item())
        margin = (1.0 if guess != y else 0.0) + scores[guess] - scores[y]
        if margin > 0:
            total = total + margin
    return total


def fit(
    p: Params,
    names: Sequence[str],
    x: Sequence[Sequence[Tensor]],
    there: Mask,
    target: Sequence[int],
    classes: int,
    *,
    weight: float,
    epochs: int,
    steps: int,
    rates: tuple[float, float],
) -> Params:
    """Decoders and latents in turn."""
    decoders, latents = Adam(rates[0]), Adam(rates[1])
    of_decoders = [name for name in p if name.startswith("decoders")]

    def first(q: Params) -> Tensor:
        return reconstruction(q, names, q["latents"], x, there)

    def second(q: Params) -> Tensor:
        return first(q) + weight * class_term(q["latents"], target, classes)

    for _ in range(epochs):
        for _ in range(steps):
            p = decoders.step(p, of_decoders, first)
        for _ in range(steps):
            p = latents.step(p, ["latents"], second)
    return p


def predict(
    p: Params,
    names: Sequence[str],
    views: Sequence[Tensor],
    there: Sequence[bool],
    target: Sequence[int],
    classes: int,
    *,
    steps: int,
    rate: float,
) -> Tensor:
    """Scores of one new sample, by itself."""
    adam = Adam(rate)
    q = {**p, "new": torch.zeros(p["latents"].shape[1], dtype=torch.float64)}
    for _ in range(steps):
        q = adam.step(q, ["new"], lambda r: reconstruction(r, names, [r["new"]], [views], [there]))
    scores = [likeness(q["new"], p["latents"], target, c, None) for c in range(classes)]
    return torch.stack([torch.tensor(float("-inf")).double() if s is None else s for s in scores])
