"""ARL: the encoder whose modality is relied on less than its certainty deserves learns faster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.arl import arl_coefficients, arl_entropies
from g2d.methods.base import Method, check_weight
from g2d.methods.loop import Loop
from g2d.methods.unimodal import shown, unimodal_losses
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, MultiLabel, Task


class ARL(Method):
    """Balances how much the model relies on each modality by the variance of its predictions.

    L = task loss + γ Σ_m L_m, and the gradient of encoder m times 1 + w^m.

    Wei, Luo and Luo, *Improving Multimodal Learning via Imbalanced Learning*, ICCV 2025
    (arXiv 2507.10203), Asymmetric Representation Learning: modalities should be relied on in
    inverse proportion to the variance of their predictions. w is a softmax over modalities (see
    `g2d.functional.arl_coefficients`), 1/k each where that holds already.

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

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.ARL(student, g2d.Classification(2))  # then the loop of `g2d.Method`
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
        if not gamma and modulate and not self.student.has_unimodal_logits:
            raise UserError(
                "this model gets heads for its unimodal logits, and ARL's unimodal losses train "
                "them; set gamma above 0, use late, sum or concat fusion, or attach the model with "
                "heads of its own: g2d.attach(..., heads=...)"
            )
        if gamma or modulate:
            self.student.need_unimodal_logits(task.outputs)

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
        weights = arl_coefficients(entropy / count, size / count, self.temperature, self.floor)
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
            there = batch.mask(name).to(logits.dtype)
            values = torch.stack(
                [arl_entropies(self.task, logits), logits.abs().sum(dim=1), torch.ones_like(there)]
            )
            sums = torch.where(there > 0, values, 0).sum(dim=1)
            old = self._statistics.get(name)
            self._statistics[name] = sums if old is None else old + sums
