"""The last forward pass of a model, and the gradients that reach its features."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

from torch import Tensor

from g2d.errors import UserError
from g2d.student.base import Student
from g2d.student.model_outputs import logits_of
from g2d.student.passes import ForwardPass


class LastPass:
    """Hooks on the features of every forward pass, kept until they are asked for once.

    The hooks read the gradient of whatever is backpropagated, and change nothing.

    Args:
        student: Whose passes.
    """

    def __init__(self, student: Student) -> None:
        self._forward: ForwardPass | None = None
        self._gradients: dict[str, Tensor] = {}
        self._trained: list[bool] = []  # of a pass that was backpropagated not empty
        self.detach = student.listen(self._note)

    def take(self) -> tuple[ForwardPass, dict[str, Tensor]]:
        """The pass, and for each modality the gradient on what its encoder handed on.

        A modality that no gradient has reached has none. A pass that was backpropagated is one
        of training, whatever mode the model was in.

        Raises:
            UserError: There was no pass since the last one that was taken.
        """
        forward, gradients, trained = self._forward, self._gradients, self._trained
        self._forward, self._gradients, self._trained = None, {}, []
        if forward is None:
            raise UserError(
                "the model was not called since the doctor watched last; call doctor.watch(target) "
                "once after each forward pass (a model that was attached again since needs a new "
                "g2d.doctor(student, task))"
            )
        if trained or gradients:
            forward = replace(forward, training=True)
        return forward, gradients

    def _note(self, forward: ForwardPass) -> None:
        gradients: dict[str, Tensor] = {}
        trained: list[bool] = []
        for name, encoded in forward.encoded.items():
            if encoded.requires_grad:
                encoded.register_hook(_collect(gradients, name))
        with suppress(UserError):  # an output whose logits are given to `watch`
            logits = logits_of(forward.output)
            if logits.requires_grad:
                logits.register_hook(lambda _: trained.append(True))
        self._forward, self._gradients, self._trained = forward, gradients, trained


def _collect(gradients: dict[str, Tensor], name: str) -> Callable[[Tensor | None], None]:
    def add(gradient: Tensor | None) -> None:
        if gradient is None:  # a compiled model keeps to itself what happens inside
            return
        # the tensor itself is kept, not a view: autograd overwrites tensors that no one refers to
        held = gradient.detach() if gradient.requires_grad else gradient
        gradients[name] = gradients[name] + held if name in gradients else held

    return add
