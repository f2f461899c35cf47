"""Whether a loop calls a method's hooks: one that is left out leaves joint training."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from g2d import gates
from g2d.errors import UserError
from g2d.student.base import Modulation, Student
from g2d.student.passes import in_train_mode
from g2d.tasks import Task

logger = logging.getLogger(__name__)
_NO_EPOCH = (
    "acts by epochs and was not told of one: call method.on_epoch_start(epoch) before the first "
    "batch of every epoch"
)
_NO_GRADIENTS = (
    "was not asked to change this step's gradients: call method.adjust_gradients() after backward, "
    "before optimizer.step()"
)


class Calls:
    """Counts the calls of a method's hooks between steps, and warns once of what is left out.

    Args:
        method: Its name, for the warnings.
        modulation: What it does to features in train mode, as it is now.
        needs: Whether it is to be told of epochs, asked to change gradients, asked for a loss.

    Attributes:
        epochs: How many epochs it was told of.
        adjusted: How often it was asked to change gradients since the last step.
    """

    def __init__(
        self,
        method: str,
        modulation: Callable[[], Modulation | None],
        needs: Callable[[], tuple[bool, bool, bool]],
    ) -> None:
        self.epochs = self.adjusted = 0
        self._method, self._modulation, self._needs = method, modulation, needs
        self._losses = self._unchanged = 0
        self._trained = False  # in train mode, at some time
        self._often = self._asked = False
        self._said: set[str] = set()
        self._by_epochs = self._gradients = False
        self._watching = False
        self._moves, self._version = 0, -1

    def evaluates(self, student: Student) -> bool:
        """Whether a loss is asked of an evaluation, of which a method takes no notice.

        One without a graph is; one with a graph is where the model is in eval mode and was in train
        mode before. A model that is in eval mode from the first loss on is trained in it.
        """
        training = in_train_mode(student.net)
        self._trained |= training and torch.is_grad_enabled()
        return not torch.is_grad_enabled() or (self._trained and not training)

    def evaluation(self, loss: Tensor) -> Tensor:
        """The loss of an evaluation: one that is trained on says that it is none."""
        if loss.requires_grad:
            loss.register_hook(self._trained_on)
        return loss

    def _trained_on(self, gradient: Tensor) -> None:
        self._trained = False
        self._say(
            "took a loss for one of validation, because the model was in eval mode, and it was "
            "trained on: call net.train() before training, and then .eval() of the parts that are "
            "to stay as they are (batch norm, for one)"
        )

    def loss(self, student: Student) -> None:
        """A loss with a graph is about to be computed."""
        self._asked = True
        if not self._watching:
            self._without_optimizer(student)
        kept = self._gradients and self.adjusted
        if kept and all(one is None for one in gates.gradients_of(student.parameters())):
            # the step was left out and its gradients cleared, as by a scaler that met infinities
            self._losses = self._unchanged = self.adjusted = 0
        self._losses += 1
        if self._modulation() is not None and not in_train_mode(student.net):
            self._unchanged += 1

    def adjust(self) -> None:
        """Gradients are about to be changed, those of a loss of the method where it has one."""
        self.adjusted += 1
        if not self._asked and self._needs()[2]:
            self._say(
                "was asked to change gradients and not for its loss: train on method.loss("
                "prediction, target); Transformers' Trainer is given compute_loss_func=loss_of("
                "method)"
            )

    def watch(self, optimizer: Optimizer) -> None:
        """Looks at what was called before every step of the optimizer of the loop."""
        self._by_epochs, self._gradients, _ = self._needs()
        self._watching = True
        if isinstance(optimizer, Optimizer) and (self._by_epochs or self._gradients):
            optimizer.register_step_pre_hook(self._before_step)

    def warn_of_adaptive(self, optimizer: Optimizer) -> None:
        """Says that an optimizer divides gradients by their own size, scaled ones too."""
        kind = type(optimizer).__name__
        if "adam" in kind.lower() or kind == "RMSprop":
            self._say(f"scales gradients, and {kind} divides that out again: use torch.optim.SGD")

    def _without_optimizer(self, student: Student) -> None:
        """Looks at what was called in a loop that has left out `on_fit_start`."""
        epochs, gradients, _ = self._needs()
        if epochs and self._losses and not self.epochs:
            self._say(_NO_EPOCH)
        if self.adjusted or not gradients:
            self._moves = self.adjusted = 0
            return
        version = sum(parameter._version for parameter in student.parameters())
        self._moves += version != self._version
        self._version = version
        if self._moves > 3:  # sharpness-aware steps move weights once more on their way
            self._say(_NO_GRADIENTS)

    def _before_step(self, optimizer: Optimizer, args: Any, kwargs: dict[str, Any]) -> None:
        losses, adjusted, unchanged = self._losses, self.adjusted, self._unchanged
        self._losses = self._unchanged = self.adjusted = 0
        if losses and unchanged == losses:
            self._say(
                "changes features in train mode alone, and the model was in eval mode in this "
                "step: call net.train(), and then .eval() of the parts that are to stay as they "
                "are (batch norm, for one)"
            )
        if losses and self._by_epochs and not self.epochs:
            self._say(_NO_EPOCH)
        closure = kwargs.get("closure", args[1] if len(args) > 1 else None)
        if not self._gradients or not losses or closure is not None:
            return  # the gradients are not the method's, or are made inside the step
        if not adjusted:
            self._say(_NO_GRADIENTS)
        # once may be a step that a scaler has left out, of which the optimizer is not told
        often, self._often = self._often, adjusted > 1
        if often and self._often:
            self._say(
                "was asked several times to change the gradients of one step: call "
                "method.adjust_gradients() once for each optimizer step, not for each part of it"
            )

    def _say(self, what: str) -> None:
        if what not in self._said:
            self._said.add(what)
            logger.warning("%s %s", self._method, what)


def needs_of(method: object, base: type) -> tuple[bool, bool, bool]:
    """Whether a method's training is another where a loop leaves out a call.

    Args:
        method: The method.
        base: Joint training, whose hooks do nothing.

    Returns:
        For `on_epoch_start`, `adjust_gradients` and `loss`; methods that have these hooks, or a
        step, of their own are left alone.

    Example:
        >>> from g2d.methods.base import Method
        >>> class Clipped(Method):
        ...     def modify_gradients(self): ...
        >>> needs_of(Clipped.__new__(Clipped), Method)
        (False, True, False)
    """

    def has(*hooks: str) -> bool:
        return any(getattr(type(method), hook) is not getattr(base, hook) for hook in hooks)

    if has("step", "on_epoch_start", "adjust_gradients"):
        return False, False, False
    by_epochs = has("begin_epoch", "active", "modulation")
    return by_epochs, has("modify_gradients"), has("objective")


def check_heads(method: str, heads: nn.ModuleDict | None, optimizer: Optimizer) -> None:
    """Refuses an optimizer that lacks the heads that were added for a method.

    Raises:
        UserError: It does.
    """
    trained = [] if heads is None else [p for p in heads.parameters() if p.requires_grad]
    groups = optimizer.param_groups if trained else []
    held = {id(p) for group in groups for p in group["params"]}
    if not all(id(parameter) in held for parameter in trained):
        raise UserError(
            f"the optimizer does not hold the heads that {method} added for unimodal logits; make "
            "it after the method, from method.parameter_groups()"
        )


def check_widths(task: Task, fused: Tensor, unimodal: Mapping[str, Tensor], size: int) -> None:
    """Refuses logits, fused or of one modality, that are not as wide as the task.

    Raises:
        UserError: Some are.
    """
    expected = (size, task.outputs)
    if fused.shape != expected:
        raise UserError(
            f"got logits of shape {tuple(fused.shape)}, and the task "
            f"{type(task).__name__} has {expected}; give the task as many outputs as the "
            "model has"
        )
    for name, logits in unimodal.items():
        if logits.shape != expected:
            raise UserError(
                f"the head of {name!r} gave logits of shape {tuple(logits.shape)}, and the task "
                f"{type(task).__name__} has {expected}; give g2d.attach(..., heads=...) heads with "
                "as many outputs as the model has"
            )


def no_single_loss(method: str) -> UserError:
    """What a method that takes steps of its own says when it is asked for a loss."""
    return UserError(
        f"{method} takes steps of its own, of more than one loss; call method.step(batch), after "
        "method.on_fit_start(g2d.Loop(optimizer, epochs=...))"
    )


def is_off(method: object, presets: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether the options of a method are those of its preset `off`, where it has one."""
    off = presets.get("off", {"": None})
    return all(getattr(method, name, off) == value for name, value in off.items())
