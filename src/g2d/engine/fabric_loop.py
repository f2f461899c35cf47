"""The loop that methods see, on Lightning Fabric: any device, any precision, several processes."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, cast

from torch import Tensor
from torch.optim import Optimizer

from g2d.batch import Batch, Outputs
from g2d.methods.loop import IterTrain, Loop
from g2d.student.base import Student

if TYPE_CHECKING:
    from lightning_fabric import Fabric
    from lightning_fabric.wrappers import _FabricModule


class FabricLoop(Loop):
    """`Loop` with Fabric's forward, backward and clipping.

    Args:
        fabric: The devices.
        student: The model, set up.
        optimizer: Set up as well.
        clip_norm: Largest gradient norm; none when `None`.
        epochs: How many there will be.
        iter_train: See `Loop`.
    """

    def __init__(
        self,
        fabric: Fabric,
        student: _FabricModule,
        optimizer: Optimizer,
        clip_norm: float | None = None,
        epochs: int | None = None,
        iter_train: IterTrain | None = None,
    ) -> None:
        # Methods get the optimizer itself, not a wrapper that depends on Fabric's version.
        bare = cast(Optimizer, getattr(optimizer, "optimizer", optimizer))
        super().__init__(bare, epochs=epochs, iter_train=iter_train)
        self._fabric, self._wrapped, self._clip_norm = fabric, student, clip_norm
        self._stepper = optimizer
        # On one device in full precision Fabric changes nothing, and costs a fifth of a small step.
        self._bare = fabric.world_size == 1 and fabric.strategy.precision.precision == "32-true"
        self._outputs: Outputs | None = None

    def forward(self, student: Student, batch: Batch, more: bool = False) -> Outputs:
        """The model's outputs, in Fabric's precision."""
        if self._bare:
            return student.outputs_of(batch)[0]
        with self._fabric.no_backward_sync(self._wrapped, enabled=more):
            outputs: Outputs = self._wrapped(batch)
        self._outputs = outputs if self._fabric.world_size > 1 else None
        return outputs

    def backward(self, loss: Tensor, more: bool = False) -> None:
        """Adds gradients; processes agree on them with the last batch of a step."""
        if self._bare:
            loss.backward()
            return
        if self._outputs is not None:
            # DDP waits for a gradient of whatever the outputs were made with, heads beside the
            # fusion among them, whether the loss used them or not.
            logits = [self._outputs.logits, *self._outputs.unimodal.values()]
            loss = loss + sum(0.0 * one.sum() for one in logits if one.requires_grad)
            self._outputs = None
        with self._fabric.no_backward_sync(self._wrapped, enabled=more):
            self._fabric.backward(loss)

    def precision(self) -> AbstractContextManager[None]:
        """The context of Fabric's precision."""
        return cast("AbstractContextManager[None]", self._fabric.autocast())

    def update(self) -> None:
        """Clips the gradients, makes the optimizer's step and clears the gradients."""
        if self._clip_norm is not None:
            # Asking in every step whether the norm is finite would wait for the device.
            self._fabric.clip_gradients(
                self._wrapped,
                self._stepper,
                max_norm=self._clip_norm,
                error_if_nonfinite=False,
            )
        stepper = self.optimizer if self._bare else self._stepper
        stepper.step()
        stepper.zero_grad(set_to_none=True)
