"""Sequential modality prioritization (SMP): the weakest modality is trained alone first."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.scores import rank
from g2d.gates import freeze, scale
from g2d.methods.base import Method
from g2d.methods.calls import Needs
from g2d.methods.loop import Loop
from g2d.methods.schedule import Schedule
from g2d.methods.suppression import (
    FrozenFeatures,
    Scope,
    Suppression,
    check_options,
    convolutions,
    dropping,
    partial_factors,
    warn_of_unsuppressed,
)
from g2d.student.base import Modulation
from g2d.teachers.bank import TeacherBank
from g2d.teachers.confidence import batch_confidence
from g2d.teachers.given import apart, checked_confidence


class SequentialPrioritization(Method):
    """Trains one modality after the other alone (Eq. 6-8), on the loss of any method.

    A frozen encoder does not change at all, and costs a forward pass and no backward pass.

    Args:
        method: Whose loss is trained on: joint training, UMT, the G²D loss, or any other that
            takes the usual step on one loss.
        teachers: Their confidence ranks the modalities.
        schedule: Epochs of every stage, τ_1 .. τ_k; a `Schedule` with `patience` ends a stage
            early where its modality no longer improves on validation.
        confidence: What ranks the modalities, measured once: how early each teacher learned (see
            `learning_speed`), or its confidence on held-out data (see `mean_confidence`); the
            lowest is trained first. `None` ranks anew in every training step from the teachers'
            confidence on that very batch, as the paper does; a teacher that has memorised its
            training data then passes for the strongest.
        suppression: `"complete"` freezes; `"partial"` scales the gradient by 1 - tanh(r), r the
            ratio of the modality's confidence to the mean of the others', where r > 1 (Table 6);
            `"released"` multiplies the gradients of the encoder's convolutions by zero, as the
            authors' code does: batch norm, momentum and weight decay go on changing it.
        scope: What is frozen: the `"encoder"`, or the `"branch"`: the encoder and its own head
            (late and sum fusion); `"auto"` is the branch where there are such heads.
        frozen_features: What a frozen encoder gives to the fusion while another modality learns
            alone: `"keep"` its features, as in the paper, or `"drop"` them (zeros), since those of
            an untrained encoder are noise (in an attached model from the second step on).

    Example:
        >>> import torch, g2d
        >>> task = g2d.Classification(2)
        >>> make = lambda name: g2d.UnimodalModel(name, torch.nn.Linear(3, 4), width=4, outputs=2)
        >>> teachers = g2d.OnlineTeachers({"sound": make("sound"), "image": make("image")}, task)
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> method = SequentialPrioritization(
        ...     g2d.JointTraining(model, task),
        ...     teachers,
        ...     schedule=(1, 2),
        ...     confidence={"sound": 0.9, "image": 0.4},
        ... )
        >>> for epoch in range(3):
        ...     method.on_epoch_start(epoch)
        ...     print(method.active())
        frozenset({'image'})
        None
        None
    """

    needs_teachers = True
    ranks = True
    staged = True
    ranked_by = "speed"
    usual_schedule: ClassVar[int | str] = "halves"
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"rank_by": "train_batch", "suppression": "complete", "scope": "encoder"},
        "released": {"rank_by": "train_batch", "suppression": "released"},
        "printed": {},
        "off": {"schedule": 0},
    }
    orders_modalities = True

    def __init__(
        self,
        method: Method,
        teachers: TeacherBank,
        schedule: Schedule | Sequence[int],
        *,
        confidence: Mapping[str, float] | None = None,
        suppression: Suppression = "complete",
        scope: Scope = "auto",
        frozen_features: FrozenFeatures = "keep",
    ) -> None:
        super().__init__(method.student, method.task)
        check_options(suppression, scope, frozen_features)
        if not can_prioritize(type(method)):
            raise UserError(
                f"{type(method).__name__} takes steps of its own, or orders the modalities by "
                "itself; use it without sequential modality prioritization"
            )
        self.method = method
        self.teachers = apart(teachers, self.student)
        if set(teachers.modalities) != set(self.student.modalities):
            raise UserError(
                f"the teachers are for {sorted(teachers.modalities)} and the student has "
                f"{sorted(self.student.modalities)}; give one teacher for each"
            )
        if isinstance(schedule, str) or not isinstance(schedule, Schedule | Sequence):
            raise UserError(
                f"schedule: got {schedule!r}, expected one number of epochs for each modality, "
                "such as (10, 20); words are for recipes"
            )
        self.schedule = schedule if isinstance(schedule, Schedule) else Schedule(tuple(schedule))
        self.suppression: Suppression = suppression
        self.scope: Scope = scope
        self.frozen_features: FrozenFeatures = frozen_features
        self.epoch = 0
        if len(self.schedule.tau) != len(teachers.modalities):
            self.schedule.check(len(teachers.modalities), sum(self.schedule.tau))
        confidence = checked_confidence(confidence, teachers)
        if self.schedule.patience is not None and (confidence is None or suppression == "partial"):
            raise UserError(
                "a stage that ends when its modality stops improving needs one modality; "
                "give confidence (in a recipe rank_by: speed, heldout or train) and complete "
                "suppression, or a schedule without patience"
            )
        self._confidence = confidence
        # The ranking by this step's batches, where `confidence` is not given.
        self._ranked: dict[str, Tensor] | None = None
        self._seen: list[Batch] = []
        # The prioritized modality's lowest loss on validation, and how long ago that was.
        self._best: float | None = None
        self._waited = 0

    @property
    def prioritizing(self) -> bool:
        """Whether this epoch belongs to a stage in which one modality is trained alone."""
        return self.schedule.stage(self.epoch) < len(self.schedule.tau) - 1

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of the wrapped method."""
        return self.method.parameter_groups()

    def on_fit_start(self, loop: Loop) -> None:
        """Passed on to the wrapped method; a schedule that the loop's epochs cut off is refused."""
        super().on_fit_start(loop)
        if loop.counts_epochs:
            self.schedule.check_reached(loop.epochs)
        self.method.on_fit_start(loop)
        if self.suppression == "released" and any(self.schedule.tau[:-1]):
            warn_of_unsuppressed(self.student)

    def begin_epoch(self, epoch: int) -> None:
        """Moves on to the stage of this epoch."""
        self.epoch = epoch
        self.method.begin(epoch)
        self._ranked, self._seen = None, []

    def active(self) -> frozenset[str] | None:
        """The prioritized modality while there is one, Eq. 6."""
        active = self.method.active()
        first = self._prioritized() if self.suppression == "complete" else None
        return active if first is None else first if active is None else active & first

    def modulation(self) -> Modulation | None:
        """That of the wrapped method; features of frozen encoders are dropped where asked for."""
        inner = self.method.modulation()
        if self.frozen_features == "keep" or not self.prioritizing:
            return inner
        return dropping(self._prioritized, inner, self.student.device)

    def on_step_start(self, *batches: Batch) -> None:
        """Ranks the modalities by this step's batches, where `confidence` is not given."""
        self.method.on_step_start(*batches)
        if self.prioritizing and self._confidence is None:
            self._ranked = batch_confidence(self.teachers, batches)
            self.student.train_only(self.active())

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss of the wrapped method."""
        if self.prioritizing and self._confidence is None and self._ranked is None:
            self._seen.append(batch)
        return self.method.objective(outputs, batch)

    def modify_gradients(self) -> None:
        """Removes or scales the gradients of the other modalities, Eq. 7 and 8."""
        self.method.modify_gradients()
        if not self.prioritizing:
            return
        if self._seen:
            self._ranked, self._seen = batch_confidence(self.teachers, self._seen), []
        if self.suppression == "partial":
            confidence = self._confidence or self._ranked or {}
            factors = partial_factors({n: torch.as_tensor(c) for n, c in confidence.items()})
            for name, factor in factors.items():
                scale(self._gated(name), factor)
        elif (prioritized := self._prioritized()) is not None:
            for name in self.teachers.modalities:
                if name not in prioritized and self.suppression == "complete":
                    freeze(self._gated(name))
                elif name not in prioritized:
                    scale(convolutions(self.student.encoder_parameters(name)), 0.0)
        self._ranked = None

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Ends a stage whose modality stops improving; passed on to the wrapped method.

        Raises:
            UserError: The schedule has patience, and its modality's own loss was not measured.
        """
        self.method.on_validation_end(metrics)
        prioritized = self._prioritized()
        if self.schedule.patience is None or prioritized is None:
            return
        (modality,) = prioritized
        loss = metrics.get("loss", {}).get(modality)
        if loss is None:
            raise UserError(
                f"validation measured no loss of {modality!r} alone, by which its stage would end; "
                "attach the model with heads=..., or give a schedule without patience"
            )
        stage = self.schedule.stage(self.epoch)
        if self._best is None or math.isnan(self._best) or loss < self._best:
            self._best, self._waited = float(loss), 0
        else:
            self._waited += 1
        if self._waited >= self.schedule.patience:
            self.schedule = self.schedule.ended_after(self.epoch)
        if self.schedule.stage(self.epoch + 1) != stage:
            self._best, self._waited = None, 0

    def finished(self) -> bool:
        """Whether the wrapped method has finished."""
        return self.method.finished()

    def all_learn_from(self) -> int:
        """The first epoch of the last stage."""
        return max(sum(self.schedule.tau[:-1]), self.method.all_learn_from())

    def stage(self) -> str:
        """Which modality is trained alone, as far as that is fixed for the epoch."""
        if not self.prioritizing:
            return self.method.stage()
        if self.suppression == "partial":
            return "partial"
        stage = self.schedule.stage(self.epoch)
        if self._confidence is None:
            return f"weakest of each batch ({stage + 1})" if stage else "weakest of each batch"
        return f"{rank(self._confidence)[stage]} alone"

    def state_dict(self) -> dict[str, Any]:
        """The ranking's confidence, how far the stages are, and the wrapped method's state."""
        stages = {"tau": list(self.schedule.tau), "best": self._best, "waited": self._waited}
        own = {"confidence": self._confidence, "method": self.method.state_dict()}
        return own if self.schedule.patience is None else {**own, "stages": stages}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the ranking and the stages it was saved with."""
        self._confidence = state["confidence"]
        if "stages" in state:
            self.schedule = replace(self.schedule, tau=tuple(state["stages"]["tau"]))
            self._best, self._waited = state["stages"]["best"], state["stages"]["waited"]
        self.method.load_state_dict(state["method"])

    def _prioritized(self) -> frozenset[str] | None:
        """The modality that is trained alone, as far as it is known; `None` for all."""
        confidence = self._confidence or self._ranked
        if not self.prioritizing or self.suppression == "partial" or confidence is None:
            return None
        prioritized = self.schedule.active(self.epoch, rank(confidence))
        return None if prioritized is None else frozenset(prioritized)

    def _needs(self) -> Needs:
        needed, staged = self.method._needs(), any(self.schedule.tau[:-1])
        return needed._replace(epochs=True, gradients=True) if staged else needed

    def _gated(self, name: str) -> list[nn.Parameter]:
        if self.scope == "branch" or (self.scope == "auto" and self.student.has_branches):
            return self.student.branch_parameters(name)
        return self.student.encoder_parameters(name)


def can_prioritize(method: type[Method]) -> bool:
    """Whether a method trains all through one loss and the usual step."""
    return method.one_loss and not method.orders_modalities
