"""The hooks by which a method departs from joint training."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.methods.calls import Calls, Needs, needs_of
from g2d.methods.checks import check_heads, check_widths, is_off
from g2d.methods.loop import Loop
from g2d.methods.parts import parts_of_step
from g2d.student.attach import as_student
from g2d.student.base import Modulation, Student
from g2d.tasks import Task, check_is_task
from g2d.wording import listed


def check_weight(name: str, value: float, above: float | None = None) -> None:
    """Refuses an option that is not a finite number, 0 or more (or above a bound).

    Raises:
        UserError: It is not.
    """
    if not math.isfinite(value) or value < 0 or (above is not None and value <= above):
        wanted = "0 or more" if above is None else f"above {above:g}"
        raise UserError(f"{name} must be {wanted}, got {value}")


class Method:
    """The base of all methods: joint training, with hooks that a method overrides.

    This is a whole loop::

        student = g2d.attach(net, encoders={"audio": net.audio_net, "video": net.video_net})
        method = g2d.JointTraining(student, task)
        optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.01)
        method.on_fit_start(g2d.Loop(optimizer, epochs=30))
        for epoch in range(30):
            method.on_epoch_start(epoch)
            for audio, video, target in train:
                loss = method.loss(net(audio, video), target)
                loss.backward()
                method.adjust_gradients()
                optimizer.step()
                optimizer.zero_grad()
            method.on_validation_end(metrics)

    A hook that a method needs and the loop leaves out is named in a warning. `step(batch)` is the
    inner part for a `g2d.MultimodalModel`; methods whose steps have several losses have no other.

    A method of your own overrides `objective`, and `begin_epoch`, `active`, `modulation` or
    `modify_gradients`.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.

    Raises:
        UserError: The method is not defined for this task or this model.

    Attributes:
        presets: Named sets of options, for recipes. `off`, where there is one, makes the method
            joint training, bit for bit.
        tasks: What the method is defined for.
        needs_teachers: Whether it is given teachers.
        ranks: Whether it is given a confidence that ranks the modalities.
        staged: Whether it is given a schedule.
        one_loss: Whether it trains all through one loss and the usual step, so that sequential
            prioritization can go around it.
        scales_gradients: Whether it scales whole gradients, which Adam divides out again.
        orders_modalities: Whether it decides by itself which modalities are trained when, so that
            sequential prioritization cannot go around it.
        ranked_by: What a recipe ranks the modalities by, where the method is given a ranking.
        kept: Attributes that a checkpoint must hold.
        uncompiled: Why its steps cannot be compiled; empty where they can.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {}
    tasks: ClassVar[tuple[type[Task], ...]] = (Task,)
    needs_teachers: ClassVar[bool] = False
    ranks: ClassVar[bool] = False
    staged: ClassVar[bool] = False
    one_loss: ClassVar[bool] = True
    scales_gradients: ClassVar[bool] = False
    orders_modalities: ClassVar[bool] = False
    ranked_by: ClassVar[str] = "heldout"
    kept: ClassVar[tuple[str, ...]] = ()
    uncompiled: ClassVar[str] = ""

    def __init__(self, student: Student | nn.Module, task: Task) -> None:
        self.check_task(task)
        self.student = as_student(student)
        self.task = task
        self._loop: Loop | None = None
        self._begun: int | None = None  # the epoch that was begun last; it is in checkpoints
        self._calls = Calls(type(self).__name__, self.modulation, self._needs)

    @classmethod
    def check_task(cls, task: Task) -> None:
        """Refuses a task that the method is not defined for.

        Raises:
            UserError: It is not.
        """
        check_is_task(task)
        if not isinstance(task, cls.tasks):
            raise UserError(
                f"{cls.__name__} is defined for {listed(kind.__name__ for kind in cls.tasks)}, got "
                f"{type(task).__name__}; choose another method (g2d methods lists what each can do)"
            )

    # --- what a loop calls -----------------------------------------------------------------------

    def parameter_groups(self) -> list[dict[str, Any]]:
        """The parameter groups of the optimizer; the first has the learning rate of the loop."""
        return [{"params": list(self.student.parameters())}]

    def on_fit_start(self, loop: Loop) -> None:
        """Called once, before the first epoch and before a checkpoint is restored.

        Raises:
            UserError: The optimizer does not hold the heads that were added for the method.
        """
        check_heads(type(self).__name__, self.student.added_heads, loop.optimizer)
        self._calls.watch(loop.optimizer)
        if self.scales_gradients and not is_off(self, self.presets):
            self._calls.warn_of_adaptive(loop.optimizer)
        self._loop, self._begun = loop, None

    def on_epoch_start(self, epoch: int) -> None:
        """Called before every epoch, counted from 0, with the model in train mode."""
        self._calls.epochs += 1
        self.begin(epoch)
        self.student.modulate(self.modulation())
        self.student.train_only(self.active())

    def begin(self, epoch: int) -> None:
        """Begins an epoch, or goes on with one that it was resumed in."""
        self.begin_epoch(epoch)
        self._begun = epoch

    def on_step_start(self, *batches: Batch) -> None:
        """Called with the batches of a step before its forward pass, by a loop that knows them.

        Without it the weights come out the same, at the price of a backward pass for encoders that
        turn out to be frozen in this step.
        """

    def loss(
        self,
        prediction: Any,
        target: Tensor | Batch,
        *,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """The loss of the last forward pass, a scalar.

        In an evaluation, without a graph or in eval mode after training in train mode, it is the
        task's loss of the prediction, and the method takes no notice of it.

        Args:
            prediction: What the model returned: logits `(B, C)`, or something that holds them.
            target: The labels; or a whole `Batch`, with which a `g2d.MultimodalModel` is called.
            index: Position of every sample in the training data, `(B,)`; cached teachers need it.
            present: For every modality that can be missing, a bool `(B,)`.

        Raises:
            UserError: The output cannot be read or has another width, or the method steps itself.
        """
        outputs, batch = self.student.observe(prediction, target, index, present)
        check_widths(self.task, outputs.logits, outputs.unimodal, len(batch))
        if self._calls.evaluates(self.student):
            return self._calls.evaluation(self.task.loss(outputs.logits, batch.target))
        self._calls.loss(self.student)
        return self.objective(outputs, batch)

    def adjust_gradients(self) -> None:
        """Changes gradients after they are unscaled and reduced, before clipping and the step."""
        self._calls.adjust()
        self.student.reduce_added_gradients()
        self.modify_gradients()

    def step(self, *batches: Batch) -> Tensor:
        """Makes one step of the optimizer, or with a few methods several.

        Args:
            batches: Those of the step; more than one with gradient accumulation.

        Returns:
            The mean loss over the samples, on their device.
        """
        size = sum(len(batch) for batch in batches)
        self.on_step_start(*batches)
        batches = parts_of_step(batches)
        total: Tensor | None = None
        for position, batch in enumerate(batches):
            more = position + 1 < len(batches)
            outputs = self.loop.forward(self.student, batch, more)
            loss = self.loss(outputs, batch)
            if len(batch) != size:
                loss = loss * (len(batch) / size)
            self.loop.backward(loss, more)
            total = loss.detach() if total is None else total + loss.detach()
        self.adjust_gradients()
        self.loop.update()
        assert total is not None
        return total

    def on_validation_end(self, metrics: Mapping[str, Any]) -> None:
        """Called with what validation measured, after every epoch.

        Args:
            metrics: For every metric of the task, for `"confidence"` and for `"loss"`, the value
                of `"fused"` and of every modality that has unimodal logits.
        """

    def finished(self) -> bool:
        """Whether there is nothing more to learn, and training ends before its last epoch."""
        return False

    def all_learn_from(self) -> int:
        """The first epoch, from 0, in which every encoder learns: none ends training before it."""
        return 0

    def stage(self) -> str:
        """A word for what this epoch does, for records and figures."""
        return "joint"

    def state_dict(self) -> dict[str, Any]:
        """The state for a checkpoint, in tensors and plain values: the attributes in `kept`."""
        return {name.lstrip("_"): getattr(self, name) for name in self.kept}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the state of a checkpoint."""
        for name in self.kept:
            if (key := name.lstrip("_")) in state:  # an earlier version kept less
                value, device = state[key], self.student.device
                setattr(self, name, value.to(device) if torch.is_tensor(value) else value)

    # --- what a method is ------------------------------------------------------------------------

    def begin_epoch(self, epoch: int) -> None:
        """Prepares an epoch, counted from 0."""

    def active(self) -> frozenset[str] | None:
        """The modalities whose encoders are trainable now; `None` for all."""
        return None

    def modulation(self) -> Modulation | None:
        """The function that changes features before the fusion in training; `None` for none."""
        return None

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar."""
        return self.task.loss(outputs.logits, batch.target)

    def modify_gradients(self) -> None:
        """Changes the gradients, once a step; does nothing by default."""

    # --- what a method may ask -------------------------------------------------------------------

    @property
    def loop(self) -> Loop:
        """The loop that `on_fit_start` was called with.

        Raises:
            UserError: It was not.
        """
        if self._loop is None:
            raise UserError(
                f"{type(self).__name__} does not know the loop; call "
                "method.on_fit_start(g2d.Loop(optimizer, epochs=...)) before the first epoch"
            )
        return self._loop

    def precision(self) -> AbstractContextManager[None]:
        """The loop's precision; the surrounding one where there is no loop."""
        return nullcontext() if self._loop is None else self._loop.precision()

    def iter_train(self, fraction: float = 1.0, seed: int = 0) -> Iterator[tuple[Outputs, Batch]]:
        """The model's outputs for a random fraction of the training data; see `eval_mode`."""
        for item in self.loop.iter_train(fraction, seed):
            yield self.student.outputs_of(item)

    @contextmanager
    def eval_mode(self) -> Iterator[None]:
        """The model in eval mode and without a graph, in the loop's precision."""
        with self.student.eval_mode(), self.precision():
            yield

    def _needs(self) -> Needs:
        return needs_of(self, Method)
