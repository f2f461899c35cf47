"""InfoReg once more, from the equations of Huang et al. (arXiv 2503.18595), in plain loops.

A regulated encoder is pulled to its weights at the end of the epoch before, by a term of the loss
(Eq. 12). Nothing of the package is used here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from reference.g2d import Params, Task


def gaps(scores: Mapping[str, float]) -> dict[str, float]:
    """Eq. 9 and 10; a score that is nan takes no part."""
    found = {}
    for m, own in scores.items():
        leads = [own - other for j, other in scores.items() if j != m and other < own]
        found[m] = sum(leads) / len(leads) if leads else 0.0
    return found


def strength(gap: float, beta: float) -> float:
    """Eq. 16, for a modality that is ahead."""
    return math.exp(beta * math.tanh(gap)) if gap > 0 else 0.0


@dataclass
class Plan:
    beta: float = 0.9
    threshold: float = 0.04
    strength: float = 1.0
    gamma: float = 0.0
    score: str = "loss"
    smoothing: int = 1
    first: int = 2


@dataclass
class Regulation:
    """What Algorithm 1 keeps between steps and epochs."""

    plan: Plan
    task: Task
    modalities: Sequence[str]
    epoch: int = 0
    traces: list[dict[str, float]] = field(default_factory=list)  # of every epoch that is over
    squares: dict[str, list[float]] = field(default_factory=dict)  # of the steps of this epoch
    held: Params = field(default_factory=dict)  # weights at the end of the epoch before
    regulated: list[tuple[int, str]] = field(default_factory=list)  # in which epoch, and who

    def begin(self, epoch: int, params: Mapping[str, Tensor]) -> None:
        if self.squares:
            self.traces.append({m: sum(v) / len(v) for m, v in self.squares.items()})
        self.epoch, self.squares = epoch, {}
        self.held = {key: value.detach().clone() for key, value in params.items()}

    def trace(self, m: str, epoch: int) -> float:
        """The mean over the epochs up to this one; epochs that were not count as 0."""
        n = self.plan.smoothing
        there = [e for e in range(epoch - n + 1, epoch + 1) if 0 <= e < len(self.traces)]
        return sum(self.traces[e][m] for e in there) / n

    def inside(self, m: str) -> bool:
        """Eq. 11."""
        if self.epoch < self.plan.first:
            return False
        if self.epoch == 0:
            return True
        now, before = self.trace(m, self.epoch - 1), self.trace(m, self.epoch - 2)
        return now > 0 and (now - before) / now > self.plan.threshold

    def loss(
        self,
        params: Params,
        logits: Tensor,
        unimodal: Mapping[str, Tensor],
        target: Tensor,
        present: Mapping[str, Sequence[bool]],
    ) -> Tensor:
        """The value is that of the losses; the gradient is that of the regulation term, too."""
        size, p = len(target), self.plan
        loss = sum(self.task.loss_of(logits[i], target[i]) for i in range(size)) / size
        scores, own = {}, []
        for m, rows in unimodal.items():
            there = [i for i in range(size) if m not in present or present[m][i]]
            if not there:
                scores[m] = math.nan
                continue
            losses = [self.task.loss_of(rows[i], target[i]) for i in there]
            own.append(sum(losses) / len(there))
            confidence = [self.task.confidence_of(rows[i].detach(), target[i]) for i in there]
            scores[m] = -own[-1].item() if p.score == "loss" else sum(confidence)
        if p.gamma:
            loss = loss + p.gamma * sum(own)
        term = torch.zeros((), dtype=torch.float64)
        for m in self.modalities:
            keys = [key for key in params if key.startswith(f"encoders.{m}.")]
            keys = [key for key in keys if params[key].requires_grad]
            found = torch.autograd.grad(
                loss, [params[key] for key in keys], retain_graph=True, allow_unused=True
            )
            square = sum(float((g**2).sum()) for g in found if g is not None)
            self.squares.setdefault(m, []).append(square)
            alpha = p.strength * strength(gaps(scores)[m], p.beta)
            if self.inside(m) and alpha > 0:
                self.regulated.append((self.epoch, m))
                distance = sum(((params[key] - self.held[key]) ** 2).sum() for key in keys)
                term = term + alpha / 2 * distance
        return loss + term - term.detach()
