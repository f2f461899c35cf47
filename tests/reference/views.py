"""What the reference implementations of methods on views share: layers, Adam, scales.

Nothing is imported from g2d; everything is in float64 and sample by sample.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Params = dict[str, Tensor]
Mask = Sequence[Sequence[bool]]


def linear(p: Params, key: str, x: Tensor) -> Tensor:
    """W x + b, or W x where there is no b."""
    out = p[f"{key}.weight"] @ x
    return out + p[f"{key}.bias"] if f"{key}.bias" in p else out


def stack(p: Params, key: str, x: Tensor, slope: float) -> Tensor:
    """Linear layers 0, 2, 4, ... with max(x, slope x) between."""
    numbers = sorted(
        int(name.removeprefix(f"{key}.").split(".")[0])
        for name in p
        if name.startswith(f"{key}.") and name.endswith("weight")
    )
    for number in numbers:
        x = linear(p, f"{key}.{number}", x)
        if number != numbers[-1]:
            x = torch.maximum(x, slope * x)
    return x


def cross_entropy(z: Tensor, y: int) -> Tensor:
    return -torch.log(torch.exp(z[y]) / torch.exp(z).sum())


class Adam:
    """Kingma and Ba, Algorithm 1; with a limit to the norm of each group of gradients."""

    def __init__(self, rate: float, betas: tuple[float, float] = (0.9, 0.999)) -> None:
        self.rate, self.betas, self.t = rate, betas, 0
        self.first: Params = {}
        self.second: Params = {}

    def step(
        self,
        p: Params,
        names: Sequence[str],
        loss: Callable[[Params], Tensor],
        factor: float = 1.0,
        groups: Sequence[Callable[[str], bool]] = (),
        clip: float = math.inf,
    ) -> Params:
        """The parameters after one step on those with these names."""
        p = {name: value.detach().clone().requires_grad_() for name, value in p.items()}
        found = torch.autograd.grad(loss(p), [p[name] for name in names], allow_unused=True)
        gradients = {
            name: torch.zeros_like(p[name]) if g is None else g
            for name, g in zip(names, found, strict=True)
        }
        for group in groups:
            own = [name for name in names if group(name)]
            norm = math.sqrt(sum(float((gradients[name] ** 2).sum()) for name in own))
            for name in own:
                gradients[name] = gradients[name] * min(1.0, clip / (norm + 1e-6))
        self.t += 1
        one, two = self.betas
        after = {name: value.detach().clone() for name, value in p.items()}
        for name, g in gradients.items():
            m = one * self.first.get(name, torch.zeros_like(g)) + (1 - one) * g
            v = two * self.second.get(name, torch.zeros_like(g)) + (1 - two) * g * g
            self.first[name], self.second[name] = m, v
            m, v = m / (1 - one**self.t), v / (1 - two**self.t)
            after[name] = after[name] - factor * self.rate * m / (torch.sqrt(v) + 1e-8)
        return after
