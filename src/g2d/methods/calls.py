"""Whether a loop calls a method's hooks: one that is left out leaves joint training."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from g2d import gates
from g2d.student.base import Modulation, Student
from g2d.student.passes import in_train_mode

logger = logging.getLogger(__name__)
_NO_EPOCH = (
    "depends on the epoch and does not know it: call method.on_epoch_start(epoch) before the first "
    "batch of every epoch"
)
_NO_GRADIENTS = (
    "was not asked to change this step's gradients: call method.adjust_gradients() after backward, "
    "before optimizer.step()"
)


class Needs(NamedTuple):
    """The calls of a loop without which a method does not train as it should.

    Attributes:
        epochs: `on_epoch_start` before every epoch.
        gradients: `adjust_gradients` in every step.
        loss: `loss` in every step.
    """

    epochs: bool
    gradients: bool
    loss: bool


class Calls:
    """Counts the calls of a method's hooks between steps, and warns once of what is left out.

    Args:
        method: Its name, for the warnings.
        modulation: What it does to features in train mode, as it is now.
        needs: Which calls it needs, as it is now.

    Attributes:
        epochs: How often `on_epoch_start` was called.
        adjusted: How often `adjust_gradients` was called since the last step.
    """

    def __init__(
        self,
        method: str,
        modulation: Callable[[], Modulation | None],
        needs: Callable[[], Needs],
    ) -> None:
        self.epochs = self.adjusted = 0
        self._method, self._modulation, self._needs = method, modulation, needs
        self._losses = self._unchanged = 0
        self._trained = False  # in train mode, at some time
        self._often = self._asked = False
        self._warned: set[str] = set()
        self._needed = Needs(epochs=False, gradients=False, loss=False)
        self._watching = False
        self._moves, self._version = 0, -1

    def evaluates(self, student: Student) -> bool:
        """Whether the loss that is computed is one of an evaluation, which a method ignores.

        One without a graph is; one with a graph is where the model is in eval mode and was in train
        mode before. A model that is in eval mode from the first loss on is trained in it.
        """
        training = in_train_mode(student.net)
        self._trained |= training and torch.is_grad_enabled()
        return not torch.is_grad_enabled() or (self._trained and not training)

    def evaluation(self, loss: Tensor) -> Tensor:
        """The loss of an evaluation; where it is trained on nevertheless, there is a warning."""
        if loss.requires_grad:
            loss.register_hook(self._trained_on)
        return loss

    def _trained_on(self, gradient: Tensor) -> None:
        self._trained = False
        self._warn(
            "took a loss for one of validation, because the model was in eval mode, and it was "
            "trained on: call net.train() before training, and then .eval() of the parts that are "
            "to stay as they are (batch norm, for one)"
        )

    def loss(self, student: Student) -> None:
        """Is called before a loss with a graph is computed."""
        self._asked = True
        if not self._watching:
            self._without_optimizer(student)
        kept = self._needed.gradients and self.adjusted
        if kept and all(one is None for one in gates.gradients_of(student.parameters())):
            # the step was left out and its gradients cleared, as by a scaler that met infinities
            self._losses = self._unchanged = self.adjusted = 0
        self._losses += 1
        if self._modulation() is not None and not in_train_mode(student.net):
            self._unchanged += 1

    def adjust(self) -> None:
        """Is called before gradients are changed, after a loss of the method where it has one."""
        self.adjusted += 1
        if not self._asked and self._needs().loss:
            self._warn(
                "was asked to change gradients and not for its loss: train on method.loss("
                "prediction, target); Transformers' Trainer is given compute_loss_func=loss_of("
                "method)"
            )

    def watch(self, optimizer: Optimizer) -> None:
        """Checks what was called before every step of the optimizer of the loop."""
        self._needed = self._needs()
        self._watching = True
        if isinstance(optimizer, Optimizer) and (self._needed.epochs or self._needed.gradients):
            optimizer.register_step_pre_hook(self._before_step)

    def warn_of_adaptive(self, optimizer: Optimizer) -> None:
        """Warns that an optimizer divides gradients by their own size, scaled ones too."""
        kind = type(optimizer).__name__
        if "adam" in kind.lower() or kind == "RMSprop":
            self._warn(f"scales gradients, and {kind} divides that out again: use torch.optim.SGD")

    def _without_optimizer(self, student: Student) -> None:
        """Checks what was called in a loop that has left out `on_fit_start`."""
        needed = self._needs()
        if needed.epochs and self._losses and not self.epochs:
            self._warn(_NO_EPOCH)
        if self.adjusted or not needed.gradients:
            self._moves = self.adjusted = 0
            return
        version = sum(parameter._version for parameter in student.parameters())
        self._moves += version != self._version
        self._version = version
        if self._moves > 3:  # sharpness-aware steps move weights once more on their way
            self._warn(_NO_GRADIENTS)

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: dict[str, Any]) -> None:
        losses, adjusted, unchanged = self._losses, self.adjusted, self._unchanged
        self._losses = self._unchanged = self.adjusted = 0
        if losses and unchanged == losses:
            self._warn(
                "changes features in train mode alone, and the model was in eval mode in this "
                "step: call net.train(), and then .eval() of the parts that are to stay as they "
                "are (batch norm, for one)"
            )
        if losses and self._needed.epochs and not self.epochs:
            self._warn(_NO_EPOCH)
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not self._needed.gradients or not losses or closure is not None:
            return  # the gradients are not the method's, or are made inside the step
        if not adjusted:
            self._warn(_NO_GRADIENTS)
        # once may be a step that a scaler has left out, of which the optimizer does not know
        often, self._often = self._often, adjusted > 1
        if often and self._often:
            self._warn(
                "was asked several times to change the gradients of one step: call "
                "method.adjust_gradients() once for each optimizer step, not for each part of it"
            )

    def _warn(self, what: str) -> None:
        if what not in self._warned:
            self._warned.add(what)
            logger.warning("%s %s", self._method, what)


def needs_of(method: object, base: type) -> Needs:
    """The calls that a method needs; one with these hooks, or a step, of its own is left alone.

    Args:
        method: The method.
        base: Joint training, whose hooks do nothing.

    Example:
        >>> from g2d.methods.base import Method
        >>> class Clipped(Method):
        ...     def modify_gradients(self): ...
        >>> needs_of(Clipped.__new__(Clipped), Method)
        Needs(epochs=False, gradients=True, loss=False)
    """

    def has(*hooks: str) -> bool:
        return any(getattr(type(method), hook) is not getattr(base, hook) for hook in hooks)

    if has("step", "on_epoch_start", "adjust_gradients"):
        return Needs(epochs=False, gradients=False, loss=False)
    return Needs(
        epochs=has("begin_epoch", "active", "modulation"),
        gradients=has("modify_gradients"),
        loss=has("objective"),
    )
