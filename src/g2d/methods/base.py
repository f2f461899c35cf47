"""The hooks by which a method departs from joint training."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.tasks import Task


def check_choice(name: str, value: str, choices: tuple[str, ...]) -> None:
    """Refuses an option that is none of the choices.

    Raises:
        UserError: It is not.
    """
    if value not in choices:
        raise UserError(f"{name}: expected {' or '.join(choices)}, got {value!r}")


def check_weight(name: str, value: float, above: float | None = None) -> None:
    """Refuses an option that is not a finite number, 0 or more (or above a bound).

    Raises:
        UserError: It is not.
    """
    if not math.isfinite(value) or value < 0 or (above is not None and value <= above):
        wanted = "0 or more" if above is None else f"above {above:g}"
        raise UserError(f"{name} must be {wanted}, got {value}")


class Student(Protocol):
    """What a method may ask of the model it trains."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the declared order."""

    @property
    def has_branches(self) -> bool:
        """Whether every modality has a head of its own."""

    def encoder_parameters(self, modality: str) -> list[nn.Parameter]:
        """Every parameter of one encoder."""

    def branch_parameters(self, modality: str) -> list[nn.Parameter]:
        """The encoder's parameters and those of the modality's own head."""


class Method:
    """Joint training, and the places where a method may do otherwise.

    One step of training asks, in this order:

        learning = method.learning(batch)
        outputs = model(batch, learning)
        loss = method.loss(outputs, batch)
        loss.backward()
        method.adjust_gradients(model)
        optimizer.step()

    With gradient accumulation, `learning` is given all batches of the step at once (a gate is
    either open or closed for a step), `loss` is asked for each, `adjust_gradients` once.

    Args:
        task: What is to be predicted.

    Attributes:
        presets: Named sets of options, for recipes.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}

    def __init__(self, task: Task) -> None:
        self.task = task

    def on_epoch_start(self, epoch: int) -> None:
        """Told before every epoch, counted from 0."""

    def learning(self, *batches: Batch) -> frozenset[str] | None:
        """The modalities whose encoders learn from this step; `None` for all."""
        return None

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        return self.task.loss(outputs.logits, batch.target)

    def adjust_gradients(self, model: Student) -> None:
        """Changes gradients after they are unscaled and reduced, before clipping and the step."""

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Told what validation measured, after every epoch."""

    def predict(self, outputs: Outputs) -> Tensor:
        """The logits that count as the model's prediction."""
        return outputs.logits

    def stage(self) -> str:
        """A word for what this epoch does, for records and figures."""
        return "joint"

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold, in tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up the state of a checkpoint."""
