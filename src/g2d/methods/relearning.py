"""Diagnosing and re-learning: encoders that have overfitted go a part of the way back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.overfitting import cluster_purity as purity
from g2d.functional.overfitting import k_means as k_means
from g2d.methods.base import Method, check_weight
from g2d.methods.loop import Loop
from g2d.ranks import mean_over_ranks, sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, Task

Diagnosis = Literal["purity", "accuracy"]


class Relearning(Method):
    """Moves encoders that overfit part of the way back to their initial weights.

    θ^m ← (1 - a_m) θ^m + a_m θ^m_0, a_m = tanh(λ |P^m_train - P^m_held|), a few times.

    θ_0 are the weights that the encoder began with. P is the purity of the clusters that k-means
    finds among a modality's features (as many as there are classes): the share of samples that
    belong to the commonest class of their cluster. It is measured on what is trained on and on
    training samples that are held out until the last of these moments.

    Wei, Li, Feng and Hu, *Diagnosing and Re-learning for Balanced Multimodal Learning*, ECCV 2024
    (arXiv 2407.09705).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        strength: λ.
        times: How often encoders are re-initialised.
        every: Epochs between; 0 spreads them evenly over the training.
        diagnosis: `"purity"`, or `"accuracy"`, which compares the modality's unimodal logits on
            training and on validation data; nothing is held out then.
        held_out: Share of the training samples that is held out.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.Relearning(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"strength": 0.0}}
    tasks: ClassVar[tuple[type[Task], ...]] = (Classification,)
    kept = ("_initial", "_validation", "_begun")

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        strength: float = 3.0,
        times: int = 3,
        every: int = 0,
        diagnosis: Diagnosis = "purity",
        held_out: float = 0.1,
    ) -> None:
        super().__init__(student, task)
        check_weight("strength", strength)
        check_weight("times", times)
        check_weight("every", every)
        check_choice("diagnosis", diagnosis, get_args(Diagnosis))
        if not 0 < held_out < 1:
            raise UserError(f"held_out must lie between 0 and 1, got {held_out}")
        self.strength = strength
        self.times = times
        self.every = every
        self.diagnosis: Diagnosis = diagnosis
        self.held_out = held_out
        self.moments: tuple[int, ...] = ()
        self._epoch = 0
        self._initial: dict[str, list[Tensor]] = {}
        self._validation: dict[str, float] = {}
        self._weight: Tensor | None = None

    def on_fit_start(self, loop: Loop) -> None:
        """Keeps the weights that the encoders begin with."""
        super().on_fit_start(loop)
        every = self.every or max(1, loop.epochs // (self.times + 1))
        if self.strength:
            planned = range(every, every * (self.times + 1), every)
            self.moments = tuple(epoch for epoch in planned if epoch < loop.epochs)
        if self.moments:
            self._initial = {
                name: [p.detach().clone() for p in self.student.encoder_parameters(name)]
                for name in self.student.modalities
            }

    def begin_epoch(self, epoch: int) -> None:
        """Diagnoses and re-initialises, where it is time."""
        self._epoch, self._weight = epoch, None
        if epoch not in self.moments or epoch == self._begun:
            return
        gaps = self._purity_gaps() if self.diagnosis == "purity" else self._accuracy_gaps()
        student = self.student
        with torch.no_grad():
            for name, gap in gaps.items():
                back = math.tanh(self.strength * gap)
                for now, first in zip(
                    student.encoder_parameters(name), self._initial[name], strict=True
                ):
                    now.lerp_(first.to(now), back)

    @property
    def holding_out(self) -> bool:
        """Whether samples are held out in this epoch."""
        return self.diagnosis == "purity" and any(self._epoch < moment for moment in self.moments)

    def on_step_start(self, *batches: Batch) -> None:
        """Counts the samples of the step that are not held out."""
        if self.holding_out:
            learnt = torch.cat([self._learnt(batch) for batch in batches])
            self._weight = _weight_of(learnt)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused loss of the samples that are not held out."""
        if not self.holding_out:
            return super().objective(outputs, batch)
        learnt = self._learnt(batch)
        losses = torch.where(learnt, self.task.losses(outputs.logits, batch.target), 0.0)
        return losses.mean() * (_weight_of(learnt) if self._weight is None else self._weight)

    def modify_gradients(self) -> None:
        """Changes no gradient; the next step counts anew."""
        self._weight = None

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Notes the accuracy of every modality's unimodal logits."""
        self._validation = dict(metrics[self.task.metric])

    def stage(self) -> str:
        """Whether this epoch begins with encoders that have gone back."""
        return "re-learning" if self._epoch in self.moments else "joint"

    def _learnt(self, batch: Batch) -> Tensor:
        return ~self._held(batch.index).to(self.student.device, non_blocking=True)

    def _held(self, index: Tensor) -> Tensor:
        """Whether samples are held out: by their row alone, spread evenly over the rows."""
        return (index * 2654435761) % 2**32 < self.held_out * 2**32

    def _purity_gaps(self) -> dict[str, float]:
        names = self.student.modalities
        features: dict[str, list[Tensor]] = {name: [] for name in names}
        there: dict[str, list[Tensor]] = {name: [] for name in names}
        targets, rows = [], []
        with self.eval_mode():
            for outputs, batch in self.iter_train(1.0):
                for name in names:
                    features[name].append(outputs.features[name].float())
                    there[name].append(batch.mask(name))
                targets.append(batch.target)
                rows.append(batch.index)
        target, held = torch.cat(targets), self._held(torch.cat(rows)).to(targets[0].device)
        gaps = {}
        for name in names:
            values, has = torch.cat(features[name]), torch.cat(there[name])
            gaps[name] = 0.0
            if bool((has & held).any() & (has & ~held).any()):
                train, out = (
                    purity(values[part], target[part], self.task.outputs)
                    for part in (has & ~held, has & held)
                )
                gaps[name] = abs(train - out)
        return _agreed(gaps)

    def _accuracy_gaps(self) -> dict[str, float]:
        right: dict[str, Tensor] = {}
        with self.eval_mode():
            for outputs, batch in self.iter_train(1.0):
                for name, logits in outputs.unimodal.items():
                    hits = self.task.predict(logits) == batch.target
                    has = batch.mask(name)
                    pair = torch.stack([(hits & has).sum(), has.sum()])
                    right[name] = right.get(name, torch.zeros_like(pair)) + pair
        gaps = {}
        for name in self.student.modalities:
            hits_of, count = right[name].tolist() if name in right else (0, 0)
            value = hits_of / max(count, 1) - self._validation.get(name, math.nan)
            gaps[name] = abs(value) if math.isfinite(value) and count else 0.0
        return _agreed(gaps)


def _weight_of(learnt: Tensor) -> Tensor:
    """All samples over those that are learnt from, in all processes: several train as one does."""
    there, size = sum_over_ranks(torch.stack([learnt.sum(), torch.ones_like(learnt).sum()]))
    weight: Tensor = size / there.clamp(min=1)
    return weight


def _agreed(gaps: Mapping[str, float]) -> dict[str, float]:
    """Processes that see the same data through other roundings must not go different ways."""
    (mean,) = mean_over_ranks([torch.tensor(list(gaps.values()))])
    assert mean is not None
    return dict(zip(gaps, mean.tolist(), strict=True))
