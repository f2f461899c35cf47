"""A method in the `Trainer` of Hugging Face Transformers."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from g2d.errors import UserError, require
from g2d.gates import freeze
from g2d.methods.base import Method
from g2d.methods.checks import is_off
from g2d.methods.loop import IterTrain, Loop
from g2d.methods.mmpareto import MMPareto

require("transformers", "huggingface")
from transformers import (  # noqa: E402 - after the check for it
    TrainerCallback,
    TrainerControl,
    TrainerState,
    TrainingArguments,
)

STATE = "g2d_method.pt"


def loss_of(method: Method) -> Any:
    """A method's loss in the form of `Trainer(compute_loss_func=...)`.

    Parts of an accumulated step are weighed by their samples, as one large batch would be.

    Args:
        method: Made with `g2d.attach(model, ...)`.
    """

    def compute_loss(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        loss = method.loss(outputs, labels)
        if num_items_in_batch is None:
            return loss
        # as Trainer counts them, several labels of a sample included
        share: Tensor = labels.ne(-100).sum() / num_items_in_batch
        return loss * share

    return compute_loss


class MethodCallback(TrainerCallback):
    """Calls a method's hooks, and keeps its state in a file of every checkpoint.

    In the `Trainer`::

        trainer = Trainer(
            model,
            arguments,
            train_dataset=data,
            compute_loss_func=loss_of(method),
            callbacks=[MethodCallback(method)],
            optimizers=(torch.optim.SGD(method.parameter_groups(), lr=0.1), None),
        )

    `Trainer` clips gradients (`max_grad_norm`, by default 1.0) before it informs its callbacks of
    the step. The callback clips once more after the method has changed them, over the heads added
    beside the model as well, so that the optimizer gets a norm of at most `max_grad_norm`. A plain
    loop clips once, after the method: `max_grad_norm=0.0` in the arguments and `clip_norm=1.0`
    here do the same. Several processes need `ddp_find_unused_parameters=True` in the arguments,
    because frozen encoders have no gradient.

    Args:
        method: Made with `g2d.attach(model, ...)`.
        iter_train: See `g2d.Loop`.
        resume_from: The checkpoint that training is resumed from, where it does not lie in the
            `output_dir` of the arguments.
        clip_norm: Largest gradient norm, model and added heads together, once the method has
            changed the gradients; `max_grad_norm` of the arguments when `None`.
    """

    def __init__(
        self,
        method: Method,
        iter_train: IterTrain | None = None,
        resume_from: str | Path | None = None,
        clip_norm: float | None = None,
    ) -> None:
        self.method = method
        self._iter_train, self._resume_from = iter_train, resume_from
        self._clip_norm = clip_norm

    def on_train_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Tells the method of its loop; restores its state where training is resumed.

        Raises:
            UserError: Training is resumed, and the checkpoint holds no state of the method; or
                `Trainer` clips one of the two gradients that MMPareto weighs.
        """
        weighs = isinstance(self.method, MMPareto) and not is_off(self.method, MMPareto.presets)
        if args.max_grad_norm > 0 and weighs:
            raise UserError(
                "MMPareto weighs two gradients, and Trainer would clip one of them before; got "
                f"max_grad_norm={args.max_grad_norm:g}, expected TrainingArguments("
                f"max_grad_norm=0.0) and MethodCallback(method, clip_norm={args.max_grad_norm:g})"
            )
        optimizer = getattr(kwargs["optimizer"], "optimizer", kwargs["optimizer"])
        # for data without a length, Trainer gives the largest integer
        epochs = state.num_train_epochs if state.num_train_epochs < sys.maxsize else None
        self.method.on_fit_start(Loop(optimizer, epochs=epochs, iter_train=self._iter_train))
        if state.global_step:
            saved = self._file(args, state)
            if self._resume_from is not None:
                saved = Path(self._resume_from) / STATE
            if not saved.exists():
                raise UserError(
                    f"training is resumed at step {state.global_step}, and there is no {saved} "
                    "with the state of the method; if the checkpoint lies elsewhere, give "
                    "MethodCallback(method, resume_from=...)"
                )
            found = torch.load(saved, weights_only=True)
            self.method.student.load_state_dict(found["student"])
            self.method.load_state_dict(found["method"])

    def on_epoch_begin(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Freezes and unfreezes encoders."""
        # resumed within an epoch, it is a fraction; what rounding took from a whole one is added
        self.method.on_epoch_start(int((state.epoch or 0) + 1e-6))

    def on_pre_optimizer_step(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Changes the gradients of the step, and clips what comes out."""
        self.method.adjust_gradients()
        limit = args.max_grad_norm if self._clip_norm is None else self._clip_norm
        if limit > 0:
            torch.nn.utils.clip_grad_norm_(list(self.method.student.parameters()), limit)

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Clears the gradients of added heads: `Trainer` clears those of the model alone."""
        heads = self.method.student.added_heads
        if heads is not None:
            freeze(heads.parameters())

    def on_epoch_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Ends training where the method has nothing more to learn."""
        control.should_training_stop |= self.method.finished()

    def on_save(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Writes the method's state beside the checkpoint's other files."""
        if state.is_world_process_zero:
            found = {
                "method": self.method.state_dict(),
                "student": self.method.student.state_dict(),
            }
            torch.save(found, self._file(args, state))

    def on_train_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any
    ) -> None:
        """Makes all encoders trainable again."""
        self.method.student.release()

    def _file(self, args: TrainingArguments, state: TrainerState) -> Path:
        return Path(str(args.output_dir)) / f"checkpoint-{state.global_step}" / STATE
