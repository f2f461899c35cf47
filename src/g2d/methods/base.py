"""The hooks by which a method departs from joint training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar, Protocol

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.methods.loop import Loop
from g2d.models.fusion.base import Fusion
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


def check_fusion(method: type[Method], fusion: Fusion, own: type[Fusion]) -> None:
    """Refuses a model whose fusion is not the one that a method brings.

    Raises:
        UserError: It is not.
    """
    if not isinstance(fusion, own):
        raise UserError(
            f"{method.__name__} trains a fusion of its own, got {type(fusion).__name__}; build the "
            f"model with {method.__name__}.adapt_fusion(fusion)"
        )


class Student(Protocol):
    """What a method may ask of the model it trains, to find its way among the parameters."""

    def parameters(self) -> Iterator[nn.Parameter]:
        """All of them."""

    @property
    def modalities(self) -> tuple[str, ...]:
        """Names of the modalities, in the declared order."""

    @property
    def has_branches(self) -> bool:
        """Whether every modality has a head of its own."""

    def encoder_parameters(self, modality: str) -> list[nn.Parameter]:
        """Every parameter of one encoder that learns."""

    def branch_parameters(self, modality: str) -> list[nn.Parameter]:
        """The encoder's parameters and those of the modality's own head."""


class Method:
    """Joint training, and the places where a method may do otherwise.

    A loop tells a method where it is, asks it for steps, and tells it what validation found:

        method.on_fit_start(loop)
        for epoch in range(epochs):
            method.on_epoch_start(epoch)
            for batch in train:
                method.step(batch)
            method.on_validation_end(metrics)

    Most methods leave `step` as it is, which is this sequence:

        learning = method.learning(batch)
        outputs = model(batch, learning)
        loss = method.loss(outputs, batch)
        loss.backward()
        method.adjust_gradients(model)
        optimizer.step()

    `learning` is asked once a step; with gradient accumulation it is given all batches of the step
    at once (a gate is either open or closed for a step), `loss` is asked for each,
    `adjust_gradients` once.

    Args:
        task: What is to be predicted.

    Raises:
        UserError: The method is not defined for this task.

    Attributes:
        presets: Named sets of options, for recipes. `off`, where there is one, makes the method
            joint training, bit for bit.
        tasks: What the method is defined for.
        scales_gradients: Whether it scales whole gradients, which Adam divides out again.
        orders_modalities: Whether it decides by itself which modalities learn when, so that
            sequential prioritization cannot go around it.
        ranked_by: What a recipe ranks the modalities by, where the method is given a ranking.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tasks: ClassVar[tuple[type[Task], ...]] = (Task,)
    scales_gradients: ClassVar[bool] = False
    orders_modalities: ClassVar[bool] = False
    ranked_by: ClassVar[str] = "heldout"

    def __init__(self, task: Task) -> None:
        self.check_task(task)
        self.task = task
        self._loop: Loop | None = None

    @classmethod
    def check_task(cls, task: Task) -> None:
        """Refuses a task that the method is not defined for.

        Raises:
            UserError: It is not.
        """
        if not isinstance(task, cls.tasks):
            defined = " and ".join(kind.__name__ for kind in cls.tasks)
            raise UserError(
                f"{cls.__name__} is defined for {defined}, got {type(task).__name__}; "
                "choose another method (g2d methods lists what each can do)"
            )

    @classmethod
    def adapt_fusion(cls, fusion: Fusion, **options: Any) -> Fusion:
        """The fusion that this method trains: the one chosen, with heads beside it, or its own.

        Asked before the model is trained, and again when a trained one is loaded: the model alone
        makes the prediction.

        Args:
            fusion: The one chosen, new.
            options: The method's.

        Raises:
            UserError: The method is not defined for this fusion.
        """
        return fusion

    def parameter_groups(self, model: Student) -> list[dict[str, Any]]:
        """What the optimizer is made from; the first group has the learning rate of the loop."""
        return [{"params": list(model.parameters())}]

    def on_fit_start(self, loop: Loop) -> None:
        """Told once, before the first epoch and before a checkpoint is taken up."""
        self._loop = loop

    @property
    def loop(self) -> Loop:
        """The loop it was told of.

        Raises:
            UserError: It was not.
        """
        if self._loop is None:
            raise UserError(
                f"{type(self).__name__} has not been told of the loop; call "
                "method.on_fit_start(g2d.Loop(model, optimizer, epochs=...)) before the first step"
            )
        return self._loop

    def on_epoch_start(self, epoch: int) -> None:
        """Told before every epoch, counted from 0; the model is in train mode."""

    def learning(self, *batches: Batch) -> frozenset[str] | None:
        """The modalities whose encoders learn from this step; `None` for all."""
        return None

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        return self.task.loss(outputs.logits, batch.target)

    def _no_single_loss(self) -> UserError:
        return UserError(
            f"{type(self).__name__} takes steps of its own, of more than one loss; call "
            "method.step(batch), after method.on_fit_start(g2d.Loop(model, optimizer, epochs=...))"
        )

    def adjust_gradients(self, model: Student) -> None:
        """Changes gradients after they are unscaled and reduced, before clipping and the step."""

    def step(self, *batches: Batch) -> Tensor:
        """One step of the optimizer, and for a few methods several.

        Args:
            batches: Those of the step; more than one with gradient accumulation.

        Returns:
            The mean loss over the samples, on their device.
        """
        size = sum(len(batch) for batch in batches)
        learning = self.learning(*batches)
        total: Tensor | None = None
        for position, batch in enumerate(batches):
            more = position + 1 < len(batches)
            outputs = self.loop.forward(batch, learning, more)
            loss = self.loss(outputs, batch)
            if len(batch) != size:
                loss = loss * (len(batch) / size)
            self.loop.backward(loss, more)
            total = loss.detach() if total is None else total + loss.detach()
        self.adjust_gradients(self.loop.model)
        self.loop.update()
        assert total is not None
        return total

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Told what validation measured, after every epoch.

        Args:
            metrics: For every metric of the task, for `"confidence"` and for `"loss"`, the value
                of `"fused"` and of every modality that has a read-out.
        """

    def finished(self) -> bool:
        """Whether there is nothing more to learn, and training ends before its last epoch."""
        return False

    def stage(self) -> str:
        """A word for what this epoch does, for records and figures."""
        return "joint"

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint must hold, in tensors and plain values."""
        return {}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes up the state of a checkpoint."""
