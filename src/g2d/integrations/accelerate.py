"""A method in a loop on Hugging Face Accelerate."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, cast

from torch import Tensor
from torch.optim import Optimizer

from g2d.errors import require
from g2d.methods.base import Method
from g2d.methods.loop import IterTrain, Loop

require("accelerate", "huggingface")
from accelerate import Accelerator  # noqa: E402 - after the check for it


class AcceleratedLoop(Loop):
    """`g2d.Loop` in Accelerate's precision, and one call for the end of a step.

    Attach the model before `accelerator.prepare`. Several processes need
    `DistributedDataParallelKwargs(find_unused_parameters=True)`, because frozen encoders have no
    gradient.

    Args:
        accelerator: Yours.
        optimizer: As `accelerator.prepare` returned it.
        epochs: See `g2d.Loop`.
        iter_train: See `g2d.Loop`.
        clip_norm: Largest gradient norm; none when `None`.
    """

    def __init__(
        self,
        accelerator: Accelerator,
        optimizer: Optimizer,
        *,
        epochs: int | None = None,
        iter_train: IterTrain | None = None,
        clip_norm: float | None = None,
    ) -> None:
        bare = cast(Optimizer, getattr(optimizer, "optimizer", optimizer))
        super().__init__(bare, epochs=epochs, iter_train=iter_train)
        self._accelerator, self._prepared, self._clip_norm = accelerator, optimizer, clip_norm

    def precision(self) -> AbstractContextManager[None]:
        """The context of Accelerate's precision."""
        return cast("AbstractContextManager[None]", self._accelerator.autocast())

    def finish_step(self, method: Method, loss: Tensor) -> None:
        """Backward, the method's gradients, clipping, the optimizer's step.

        Within `accelerator.accumulate(net)` gradients are adjusted once, with the last batch.

        Args:
            method: Whose `loss` it is.
            loss: A scalar.
        """
        self._accelerator.backward(loss)
        if self._accelerator.sync_gradients:
            self._accelerator.unscale_gradients(self._prepared)
            method.adjust_gradients()
            if self._clip_norm is not None:
                parameters: Any = method.student.parameters()
                self._accelerator.clip_grad_norm_(parameters, self._clip_norm)
        self._prepared.step()
        self._prepared.zero_grad()
