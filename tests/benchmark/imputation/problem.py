"""A small problem of several views, each of which says a part, and some of which are absent."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

import g2d
from g2d.benchmark.imputation import Views

NAMES = ("near", "far", "deep")
WIDTHS = {"near": 6, "far": 4, "deep": 5}
CLASSES = 3


class InDouble(g2d.Classification):
    """Cross-entropy in the precision of the logits, to be compared with a reference."""

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        return torch.nn.functional.cross_entropy(logits, target, reduction="none")

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        return self.losses(logits, target).mean()


def views(
    samples: int,
    k: int = 3,
    rate: float = 0.4,
    seed: int = 0,
    regression: bool = False,
    absent: float = float("nan"),
) -> Views:
    """Clouds around a centre for each class; `absent` stands where a view is not there."""
    fixed = torch.Generator().manual_seed(77)
    drawn = torch.Generator().manual_seed(seed)
    target = torch.randint(0, CLASSES, (samples,), generator=drawn)
    factor = torch.randn(samples, generator=drawn)
    keep = (k * (1 - rate) - 1) / (k - 1)
    there = torch.rand(samples, k, generator=drawn) < keep
    there[torch.arange(samples), torch.randint(0, k, (samples,), generator=drawn)] = True
    features, present = {}, {}
    for position, name in enumerate(NAMES[:k]):
        width = WIDTHS[name]
        centres = 3 * torch.randn(CLASSES, width, generator=fixed)
        slope = torch.randn(width, generator=fixed)
        noise = torch.randn(samples, width, generator=drawn)
        feature = 5 + centres[target] + factor[:, None] * slope + noise
        present[name] = there[:, position]
        features[name] = torch.where(present[name][:, None], feature, absent)
    return Views(features, present, 10 + 2 * factor if regression else target)


def tiny(seed: int = 0, k: int = 3, samples: int = 7) -> tuple[list[list[Tensor]], Tensor, Tensor]:
    """Float64 views sample by sample, zero where absent; presence; targets."""
    drawn = torch.Generator().manual_seed(seed)
    there = torch.rand(samples, k, generator=drawn) < 0.6
    there[torch.arange(samples), torch.arange(samples) % k] = True
    there[0] = True
    target = torch.arange(samples) % CLASSES
    x = [
        [
            torch.randn(WIDTHS[name], generator=drawn, dtype=torch.float64) * there[i, m]
            for m, name in enumerate(NAMES[:k])
        ]
        for i in range(samples)
    ]
    return x, there, target


def by_name(x: Sequence[Sequence[Tensor]]) -> dict[str, Tensor]:
    return {name: torch.stack([row[m] for row in x]) for m, name in enumerate(NAMES[: len(x[0])])}


def hidden_of(there: Tensor) -> Tensor:
    """The last present view of every sample that has two, but for every third sample."""
    hidden = torch.zeros_like(there)
    for i, row in enumerate(there.tolist()):
        if sum(row) >= 2 and i % 3 != 2:
            hidden[i, max(m for m, is_there in enumerate(row) if is_there)] = True
    return hidden
