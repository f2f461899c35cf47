"""CGGM once more, as the authors' code computes it, in plain numbers where there is no gradient.

Guo et al., NeurIPS 2024 (arXiv 2411.01409). Nothing of the package is used here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reference.g2d import Params, softmax


def balance(gains: Mapping[str, float], bounded: bool) -> dict[str, float]:
    total = sum(gains.values()) + 1e-8
    found = {m: (total - gain) / total for m, gain in gains.items()}
    return {m: min(max(b, 0.0), 1.0) for m, b in found.items()} if bounded else found


def cosine(a: Tensor, b: Tensor) -> Tensor:
    a, b = a.reshape(-1), b.reshape(-1)
    return (a * b).sum() / torch.sqrt((a * a).sum()) / torch.sqrt((b * b).sum())


@dataclass
class Guide:
    """What is kept from step to step; `rho` None leaves the size of the gradients."""

    rho: float | None
    direction: float
    bounded: bool
    accuracy: dict[str, float] = field(default_factory=dict)
    before: dict[str, float] = field(default_factory=dict)

    def loss(
        self,
        p: Params,
        features: Mapping[str, Tensor],
        target: Sequence[int],
        present: Mapping[str, Sequence[bool]],
    ) -> Tensor:
        """Of late fusion; what flows back into the feature of m is ρ B_m times the gradient."""
        size, names = len(target), list(features)
        parts, gains = [], {}
        for m, f in features.items():
            there = [i for i in range(size) if m not in present or present[m][i]]
            rows = [self._classifier(p, m, f[i].detach()) for i in there]
            if rows:
                losses = [
                    -torch.log(softmax(r)[target[i]]) for r, i in zip(rows, there, strict=True)
                ]
                parts.append(sum(losses) / len(losses))
            right = [int(r.argmax()) == target[i] for r, i in zip(rows, there, strict=True)]
            old = self.accuracy.get(m, 0.0)
            self.accuracy[m] = sum(right) / len(right) if right else old
            gains[m] = self.accuracy[m] - old
        now = balance(gains, self.bounded)
        fused = []
        for i in range(size):
            said = []
            for m, f in features.items():
                if m in present and not present[m][i]:
                    continue
                scale = 1.0 if self.rho is None else self.rho * now[m]
                own = f[i].detach() + scale * (f[i] - f[i].detach())
                weight, bias = (p[f"fusion.fusion.heads.{m}.{part}"] for part in ("weight", "bias"))
                said.append(weight @ own + bias)
            row = sum(said) / len(said)
            fused.append(-torch.log(softmax(row)[target[i]]))
        loss = sum(fused) / size + sum(parts)
        for m, b in self.before.items():
            angle = cosine(
                p[f"fusion.heads.{m}.weight"].detach(), p[f"fusion.fusion.heads.{m}.weight"]
            )
            loss = loss + self.direction / len(names) * (math.fabs(b) - b * angle)
        self.before = now
        return loss

    def _classifier(self, p: Params, m: str, feature: Tensor) -> Tensor:
        return p[f"fusion.heads.{m}.weight"] @ feature + p[f"fusion.heads.{m}.bias"]
