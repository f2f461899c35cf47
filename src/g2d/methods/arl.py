"""ARL: the encoder whose modality is relied on less than its certainty deserves learns faster."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.methods.base import Method, check_weight
from g2d.methods.loop import Loop
from g2d.methods.unimodal import shown, unimodal_losses
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, MultiLabel, Task


class ARL(Method):
    """L = task loss + γ Σ_m L_m, and the gradient of encoder m times 1 + w^m.

    Wei, Luo and Luo, *Improving Multimodal Learning via Imbalanced Learning*, ICCV 2025
    (arXiv 2507.10203), Asymmetric Representation Learning: modalities should be relied on in
    inverse proportion to the variance of their predictions. w is a softmax over modalities (see
    `coefficients`), 1/k each where that holds already.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted: classes or labels.
        gamma: Weight of the unimodal losses, γ.
        temperature: T; a larger one gives more of the extra to the modality that lacks reliance.
        warmup: Share of the epochs, at the beginning, in which no gradient is modulated and the
            unimodal losses weigh 1 (γ where that is smaller).
        floor: Smallest share of the variance that a modality is taken to have, as a part of the
            equal share 1/k.
        modulate: Whether gradients are modulated at all.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"gamma": 0.0, "modulate": False},
    }
    tasks: ClassVar[tuple[type[Task], ...]] = (Classification, MultiLabel)
    scales_gradients: ClassVar[bool] = True

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        gamma: float = 4.0,
        temperature: float = 8.0,
        warmup: float = 0.06,
        floor: float = 0.6,
        modulate: bool = True,
    ) -> None:
        super().__init__(student, task)
        check_weight("gamma", gamma)
        check_weight("temperature", temperature)
        for name, share in {"warmup": warmup, "floor": floor}.items():
            if not 0 <= share <= 1:
                raise UserError(f"{name} must be between 0 and 1, got {share}")
        self.gamma = gamma
        self.temperature = temperature
        self.warmup = warmup
        self.floor = floor
        self.modulate = modulate
        self._warming = False
        self._statistics: dict[str, Tensor] = {}
        if gamma or modulate:
            self.student.need_unimodal_logits(task.outputs)
        if not gamma and modulate and self.student.added_heads is not None:
            raise UserError(
                "with this fusion ARL reads each modality from a head that its unimodal loss "
                "trains; set gamma above 0, or use late, sum or concat fusion"
            )

    def on_fit_start(self, loop: Loop) -> None:
        """Begins with the first epoch's stage."""
        super().on_fit_start(loop)
        self.on_epoch_start(0)

    def begin_epoch(self, epoch: int) -> None:
        """Warm-up ends where its share of the epochs does, rounded to whole ones."""
        self._warming = epoch < round(self.warmup * self.loop.epochs)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss and the unimodal losses."""
        loss = super().objective(outputs, batch)
        if self.modulate and not self._warming:
            self._add(outputs, batch)
        weight = min(self.gamma, 1.0) if self._warming else self.gamma
        if weight:
            unimodal = unimodal_losses(self.task, outputs, batch)
            loss = loss + weight * torch.stack(list(unimodal.values())).sum()
        return loss

    def modify_gradients(self) -> None:
        """Multiplies the gradient of every encoder by 1 + w^m."""
        if not self._statistics:
            return
        entropy, size, count = sum_over_ranks(torch.stack(list(self._statistics.values()))).T
        weights = coefficients(entropy / count, size / count, self.temperature, self.floor)
        for name, weight in zip(self._statistics, weights, strict=True):
            gates.scale(self.student.encoder_parameters(name), 1 + weight)
        self._statistics = {}

    def stage(self) -> str:
        """`warm-up`, or what comes after it."""
        if not self.modulate:
            return "joint"
        return "warm-up" if self._warming else "asymmetric"

    def _add(self, outputs: Outputs, batch: Batch) -> None:
        """Entropy and size of a batch's unimodal logits, summed over those who have them."""
        for name, logits in shown(outputs).items():
            logits = logits.detach().float()
            there = batch.present.get(name, torch.ones_like(logits[:, 0])).to(logits.dtype)
            values = torch.stack(
                [entropies(self.task, logits), logits.abs().sum(dim=1), torch.ones_like(there)]
            )
            sums = torch.where(there > 0, values, 0).sum(dim=1)
            old = self._statistics.get(name)
            self._statistics[name] = sums if old is None else old + sums


def entropies(task: Task, logits: Tensor) -> Tensor:
    """Entropy of each prediction, `(B,)`: what stands for its variance.

    Example:
        >>> entropies(Classification(2), torch.zeros(1, 2))
        tensor([0.6931])
        >>> entropies(MultiLabel(2), torch.zeros(1, 2))
        tensor([1.3863])
    """
    if isinstance(task, MultiLabel):
        bits = F.binary_cross_entropy_with_logits(logits, logits.sigmoid(), reduction="none")
        return bits.sum(dim=1)
    logs = logits.log_softmax(dim=1)
    return -(logs.exp() * logs).sum(dim=1)


def coefficients(entropy: Tensor, size: Tensor, temperature: float, floor: float) -> Tensor:
    """W of every modality, a softmax over T u^m with u^m = (k^k / 4) q^m Π_{j≠m} d^j.

    q is the inverse variance: shares of the entropy, not below floor/k, then shares of the
    inverses. d is the reliance: shares of the size of the logits. u is the same for all where
    d ~ q, which is what the method aims at. For two modalities u^m = q^m d^j, as published.

    Args:
        entropy: Mean entropy of every modality's predictions, `(k,)`; `nan` where nobody has it.
        size: Mean sum of the absolute logits, `(k,)`, likewise.
        temperature: T.
        floor: As above.

    Example: the first is as certain as the second and relied on less, so it learns faster.
        >>> coefficients(torch.tensor([1.0, 1.0]), torch.tensor([1.0, 3.0]), 8.0, 0.6)
        tensor([0.8808, 0.1192])
    """
    k = len(entropy)
    q = _shares(1 / _shares(entropy).clamp(min=max(floor / k, 1e-6)))
    itself = torch.eye(k, dtype=torch.bool, device=size.device)
    others = _shares(size).expand(k, k).masked_fill(itself, 1.0).prod(dim=1)
    return (temperature * math.pow(k, k) / 4 * q * others).softmax(dim=0)


def _shares(values: Tensor) -> Tensor:
    """Shares of the sum; who is unknown counts as the mean of the others."""
    known = torch.where(values.isnan(), values.nanmean(), values).nan_to_num(0.0) + 1e-12
    return known / known.sum()
