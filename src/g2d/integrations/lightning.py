"""A method in a Lightning `Trainer`: a callback calls its hooks, the module its loss."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from torch.optim import Optimizer

from g2d.errors import require
from g2d.methods.base import Method
from g2d.methods.loop import IterTrain, Loop
from g2d.methods.validation import Validation

require("lightning", "lightning")
import lightning.pytorch as pl  # noqa: E402 - after the check for it


class MethodCallback(pl.Callback):
    """Calls a method's hooks; its state lies in Lightning's checkpoints.

    Your `LightningModule` stays as it is but for two lines: `training_step` returns
    `method.loss(self.net(...), target)`, and `configure_optimizers` makes the optimizer from
    `method.parameter_groups()`. Gradients are adjusted after Lightning has unscaled them and
    before it clips. Several processes need `strategy="ddp_find_unused_parameters_true"`, because
    frozen encoders have no gradient.

    Args:
        method: Made with `g2d.attach(net, ...)`.
        iter_train: See `g2d.Loop`; only methods that read the training data between epochs
            need it.

    Attributes:
        validation: For methods that follow validation (MSES, MSLR, ...): call
            `callback.validation.add(logits, target)` in `validation_step`. Where an epoch has
            several validations (`val_check_interval`), the last one counts.
    """

    def __init__(self, method: Method, iter_train: IterTrain | None = None) -> None:
        self.method = method
        self.validation = Validation(method)
        self._iter_train = iter_train
        self._measured: Mapping[str, Mapping[str, float]] | None = None  # of the last validation

    def on_fit_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tells the method of the optimizer and of the number of epochs."""
        self._measured = None
        optimizer = trainer.optimizers[0]
        self.method.on_fit_start(
            Loop(optimizer, epochs=_epochs(trainer), iter_train=self._iter_train)
        )

    def on_train_epoch_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Freezes and unfreezes encoders."""
        self.method.on_epoch_start(trainer.current_epoch)

    def on_before_optimizer_step(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, optimizer: Optimizer
    ) -> None:
        """Changes the gradients of the step."""
        self.method.adjust_gradients()

    def on_validation_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Keeps what validation measured, where `validation_step` collected it."""
        if self.validation.collected:
            metrics = self.validation.read()
            if not trainer.sanity_checking:
                self._measured = metrics

    def on_train_epoch_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Tells the method of the last validation; ends training where nothing is to be learned."""
        # methods count validations as epochs, and there may be several in one
        if self._measured is not None:
            self.method.on_validation_end(self._measured)
            self._measured = None
        if self.method.finished():
            trainer.should_stop = True

    def on_fit_end(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Leaves no encoder frozen and no feature changed."""
        self.method.student.release()

    def on_exception(
        self, trainer: pl.Trainer, pl_module: pl.LightningModule, exception: BaseException
    ) -> None:
        """Makes all encoders trainable again, where training breaks off."""
        self.method.student.release()

    def state_dict(self) -> dict[str, Any]:
        """The state for Lightning's checkpoint: the method's, and that of added heads."""
        return {"method": self.method.state_dict(), "student": self.method.student.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restores the method's state and that of added heads."""
        self.method.student.load_state_dict(state_dict["student"])
        self._state = state_dict["method"]

    def on_train_start(self, trainer: pl.Trainer, pl_module: pl.LightningModule) -> None:
        """Restores the method's state, now that it knows its loop."""
        if hasattr(self, "_state"):
            self.method.load_state_dict(self._state)
            del self._state


def _epochs(trainer: pl.Trainer) -> int | None:
    """How many epochs there will be, with a last one cut short; `None` where it is not known."""
    epochs = trainer.max_epochs if trainer.max_epochs and trainer.max_epochs > 0 else None
    if trainer.max_steps <= 0:
        return epochs
    trainer.fit_loop.setup_data()  # counts the batches, once
    if not math.isfinite(trainer.num_training_batches):
        return epochs
    steps = math.ceil(trainer.num_training_batches / trainer.accumulate_grad_batches)
    within = math.ceil(trainer.max_steps / max(steps, 1))
    return within if epochs is None else min(epochs, within)
