"""Gradient-Blending: the fused loss and those of the modalities, weighted by how they overfit."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.losses import unimodal_loss
from g2d.functional.overfitting import gradient_blending_weights
from g2d.methods.base import Method, check_weight
from g2d.methods.parts import weighed
from g2d.methods.unimodal import shown
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Task


class GradientBlending(Method):
    """Weights the fused and the unimodal losses by how little each overfits.

    L = w_F ℓ(z, y) + Σ_m w_m ℓ(z^m, y), Σ w = 1, w_i = G_i / O_i² up to scale.

    Wang, Tran and Feiszli, *What Makes Training Multi-Modal Classification Networks Hard?*,
    CVPR 2020 (arXiv 1905.12681). Each modality has a classifier of its own beside the fusion. Over
    the epochs of a super-epoch, G_i is by how much a validation loss has fallen, O_i by how much
    more the training loss has. Here both are read off the run itself.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        super_epoch: Epochs between two estimates of the weights.
        weights: Fixed weights of `fused` and of every modality in the place of estimates; what is
            not named has weight 0. They are scaled to a sum of 1.
        overfitting_floor: Least |O_i|, so that no weight comes from a division by almost nothing.
        weight_floor: Least weight that is estimated, as a share of an equal one. At 0 a head whose
            validation loss has not fallen learns nothing for a super-epoch; the encoders move on,
            its loss rises for that reason alone, and it may never learn again.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> task = g2d.Classification(2)
        >>> method = g2d.GradientBlending(student, task)  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"weights": {"fused": 1.0}}}
    kept = ("weights", "_start", "_epochs", "_sums", "_begun")

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        super_epoch: int = 5,
        weights: Mapping[str, float] | None = None,
        overfitting_floor: float = 0.05,
        weight_floor: float = 0.1,
    ) -> None:
        super().__init__(student, task)
        if super_epoch < 1:
            raise UserError(f"super_epoch must be 1 or more, got {super_epoch}")
        check_weight("overfitting_floor", overfitting_floor, above=0)
        if not 0 <= weight_floor <= 1:
            raise UserError(f"weight_floor must be between 0 and 1, got {weight_floor}")
        for name, weight in (weights or {}).items():
            check_weight(f"weights.{name}", weight)
        if weights is not None and not sum(weights.values()) > 0:
            raise UserError(f"weights must have a sum above 0, got {dict(weights)}")
        self.super_epoch = super_epoch
        self.overfitting_floor = overfitting_floor
        self.weight_floor = weight_floor
        self.fixed = weights is not None
        total = sum((weights or {}).values())
        self.weights = {name: float(w) / total for name, w in (weights or {}).items()}
        self._sums: dict[str, Tensor] = {}
        self._start: dict[str, list[float]] = {}
        self._epochs = 0
        names = ("fused", *self.student.modalities)
        unknown = set(self.weights) - set(names)
        if unknown:
            raise UserError(
                f"weights is given for {sorted(unknown)}, expected some of {list(names)}; "
                "use their names"
            )
        if not _fused_alone(weights):
            self.student.need_unimodal_logits(task.outputs, own=True)
        if not self.fixed:
            self.weights = dict.fromkeys(names, 1 / len(names))

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The weighted sum of the fused and the unimodal losses."""
        fused = super().objective(outputs, batch)
        if self.fixed and _fused_alone(self.weights):
            return fused
        losses = {"fused": fused}
        for name, logits in shown(outputs).items():
            mask = batch.present.get(name)
            losses[name] = unimodal_loss(self.task, logits, batch.target, mask)
        if not self.fixed:
            self._add(losses, batch)
        terms = [
            self.weights.get(name, 0.0) * (loss if loss is fused else weighed(loss, batch, name))
            for name, loss in losses.items()
        ]
        return torch.stack(terms).sum()

    def begin_epoch(self, epoch: int) -> None:
        """Begins to sum the training losses of the epoch."""
        if epoch != self._begun:
            self._sums = {}

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Estimates the weights anew where a super-epoch ends; the first epoch is its start."""
        if self.fixed or not self._sums:
            return
        train, val = self._read(), metrics["loss"]
        now = {name: [train[name], float(val.get(name, math.nan))] for name in train}
        if not self._start:
            self._start = now
            return
        self._epochs += 1
        if self._epochs == self.super_epoch:
            self.weights = gradient_blending_weights(
                self.weights, self._start, now, self.overfitting_floor, self.weight_floor
            )
            self._start, self._epochs = now, 0

    def stage(self) -> str:
        """The epoch's name in records: the weights."""
        return ", ".join(f"{name} {value:.2f}" for name, value in self.weights.items())

    def _add(self, losses: Mapping[str, Tensor], batch: Batch) -> None:
        for name, loss in losses.items():
            mask = batch.present.get(name)
            count = torch.full_like(loss, len(batch)) if mask is None else mask.sum().to(loss)
            pair = torch.stack([loss.detach() * count, count])
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def _read(self) -> dict[str, float]:
        """The mean training loss of the epoch; `nan` for a modality that no sample had."""
        sums = sum_over_ranks(torch.stack(list(self._sums.values())))
        means = (sums[:, 0] / sums[:, 1]).tolist()
        return dict(zip(self._sums, means, strict=True))


def _fused_alone(weights: Mapping[str, float] | None) -> bool:
    """Whether fixed weights leave joint training."""
    return weights is not None and not any(w for name, w in weights.items() if name != "fused")
