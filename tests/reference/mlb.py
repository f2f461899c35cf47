"""MLB once more, as the authors' code computes it, in plain numbers where there is no gradient.

Kontras et al., BMVC 2024 (arXiv 2405.07930). Nothing of the package is used here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from reference.g2d import Params, softmax


def coefficients(scores: Mapping[str, float], alpha: float, beta: float) -> dict[str, float]:
    """Of the modalities that somebody has; slower below 1, faster above."""
    found = {}
    for m, own in scores.items():
        others = [score for name, score in scores.items() if name != m]
        change = math.tanh(alpha * (sum(others) / len(others) / own - 1)) if others else 0.0
        found[m] = 1 + (beta - 1) * change if change > 0 else 1 + change
    return found


@dataclass
class Balance:
    """The options; `branch` scales the head as well as the encoder."""

    alpha: float = 0.8
    beta: float = 2.0
    gamma: float = 1.0
    branch: bool = False

    def loss(
        self,
        p: Params,
        features: Mapping[str, Tensor],
        target: Sequence[int],
        present: Mapping[str, Sequence[bool]],
    ) -> Tensor:
        """Of late fusion; what flows back through m is κ_m times the gradient."""
        size = len(target)
        there = {m: [i for i in range(size) if m not in present or present[m][i]] for m in features}
        plain = {m: self._rows(p, m, features[m]) for m in features}
        scores = {
            m: sum(float(softmax(plain[m][i].detach())[target[i]]) for i in rows) / len(rows)
            for m, rows in there.items()
            if rows
        }
        factors = coefficients(scores, self.alpha, self.beta)
        said = {}
        for m, f in features.items():
            factor = factors.get(m, 1.0)
            if self.branch:
                said[m] = _scaled(plain[m], factor)
            else:
                said[m] = self._rows(p, m, _scaled(f, factor))
        fused = []
        for i in range(size):
            rows = [said[m][i] for m in said if i in there[m]]
            fused.append(-torch.log(softmax(sum(rows) / len(rows))[target[i]]))
        own = [
            sum(-torch.log(softmax(said[m][i])[target[i]]) for i in rows) / len(rows)
            for m, rows in there.items()
            if rows
        ]
        return sum(fused) / size + self.gamma * sum(own)

    def _rows(self, p: Params, m: str, features: Tensor) -> Tensor:
        return features @ p[f"fusion.heads.{m}.weight"].T + p[f"fusion.heads.{m}.bias"]


def _scaled(value: Tensor, factor: float) -> Tensor:
    return value.detach() + factor * (value - value.detach())
