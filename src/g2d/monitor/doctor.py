"""One line in any loop, which measures what each modality learns and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.methods.checks import check_widths
from g2d.monitor.figure import draw
from g2d.monitor.last_pass import LastPass
from g2d.monitor.measuring import (
    FUSED,
    QUANTITIES,
    beside_teachers,
    directions,
    norms,
    scores,
    teacher_logits,
    values_of,
)
from g2d.monitor.sentence import sentence
from g2d.monitor.tally import Tally
from g2d.monitor.unimodal import UnimodalReader
from g2d.student.attach import student_of
from g2d.student.base import Student
from g2d.student.model_outputs import logits_of
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank

# By train mode; what begins the keys of a record.
_PREFIX = {True: "", False: "val/"}


def doctor(student: Student | nn.Module, task: Task, teachers: TeacherBank | None = None) -> Doctor:
    """Watches what each modality learns in any training loop, and changes nothing of it.

    Args:
        student: What `g2d.attach` returned, a model that was attached, or a `g2d.MultimodalModel`.
            Where a method trains it, make the doctor after the method.
        task: What is predicted.
        teachers: For some or all modalities, what each could reach.

    Raises:
        UserError: The model has not been attached or has one modality, or a teacher is of none of
            its modalities.

    Example:
        >>> import g2d
        >>> class Net(nn.Module):
        ...     def __init__(self):
        ...         super().__init__()
        ...         self.ears, self.eyes = nn.Linear(4, 8), nn.Linear(6, 8)
        ...         self.head = nn.Linear(16, 3)
        ...
        ...     def forward(self, sound, image):
        ...         return self.head(torch.cat([self.ears(sound), self.eyes(image)], dim=1))
        >>> net = Net()
        >>> student = g2d.attach(net, {"sound": net.ears, "image": net.eyes})
        >>> doctor = g2d.doctor(student, g2d.Classification(3))
        >>> optimizer = torch.optim.SGD(net.parameters(), lr=0.1)
        >>> y = torch.tensor([0, 1, 2, 0, 1])
        >>> nn.functional.cross_entropy(net(torch.randn(5, 4), torch.randn(5, 6)), y).backward()
        >>> doctor.watch(y)  # the one line
        >>> optimizer.step()
        >>> print(*doctor.epoch(), sep=", ")
        fused/accuracy, sound/accuracy, sound/gradient_norm, sound/cosine, sound/conflict, \
image/accuracy, image/gradient_norm, image/cosine, image/conflict
    """
    return Doctor(student_of(student), task, teachers)


class Doctor:
    """Made by `g2d.doctor`; measures beside a loop, and reads the device once an epoch.

    Attributes:
        history: What `epoch` returned, epoch by epoch.

    Example:
        >>> import g2d
        >>> encoders = {name: nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> doctor = g2d.doctor(model, g2d.Classification(2))
        >>> inputs = {name: torch.randn(4, 3) for name in encoders}
        >>> batch = g2d.Batch(inputs, torch.tensor([0, 1, 0, 1]), torch.arange(4))
        >>> nn.functional.cross_entropy(model(batch).logits, batch.target).backward()
        >>> doctor.watch(batch)
        >>> doctor.epoch() == doctor.history[-1]
        True
    """

    def __init__(self, student: Student, task: Task, teachers: TeacherBank | None = None) -> None:
        names = student.modalities
        if len(names) < 2 or FUSED in names:
            raise UserError(
                f"got a model of {list(names)}, expected 2 modalities or more, none of them called "
                f"{FUSED!r}, which stands for all; attach the encoders of each"
            )
        unknown = [name for name in teachers.modalities if name not in names] if teachers else []
        if unknown:
            raise UserError(
                f"got a teacher for {unknown[0]!r}, and the model has {list(names)}; give teachers "
                "of the model's own modalities"
            )
        self.student, self.task, self.teachers = student, task, teachers
        self.history: list[dict[str, float]] = []
        self._reader = UnimodalReader(student, task)
        self._last = LastPass(student)
        self._tally = Tally(
            [(m, n, q) for m in _PREFIX for n in (FUSED, *names) for q in QUANTITIES]
        )
        self._targets: dict[bool, list[Tensor]] = {True: [], False: []}
        self._guess: dict[bool, float] = {}

    # --- in the loop -----------------------------------------------------------------------------

    def watch(
        self,
        target: Tensor | Batch,
        *,
        logits: Tensor | None = None,
        index: Tensor | None = None,
        present: Mapping[str, Tensor] | None = None,
        accumulating: bool = False,
    ) -> None:
        """Measures the last forward pass, after its `backward` and before `zero_grad`.

        Gradients are read as they are then: after unscaling, averaging over processes and whatever
        a method does to them, if this line comes after those. A pass in eval mode that
        was not backpropagated is counted as validation.

        Args:
            target: The labels, or the `Batch` that a `g2d.MultimodalModel` was called with.
            logits: The fused ones, where the model returns something that does not hold them.
            index: Position of every sample in the training data; cached teachers need it.
            present: For every modality that can be missing, a bool `(B,)`.
            accumulating: Whether the step has further batches: the norm of its gradients is read
                with the last.

        Raises:
            UserError: There is nothing to measure: no pass, no gradients, no logits, no index.
        """
        forward, reached = self._last.take()
        batch = self.student.batch_of(target, index, present)
        fused = _fused(forward.output, logits)
        mode = forward.training
        stepping = mode and any(z.requires_grad for z in (fused, *forward.encoded.values()))
        with _exactly(fused.device):
            reading = self._reader.read(forward, batch)
            check_widths(self.task, fused, reading.logits, len(batch))
            pairs = scores(self.task, {FUSED: fused.detach(), **reading.logits}, batch)
            taught = teacher_logits(self.teachers, batch, training=mode)
            pairs |= beside_teachers(self.task, reading.logits, taught, batch)
            if stepping:
                pairs |= directions(reached, reading.gradients, batch)
                if not accumulating:
                    pairs |= norms(self.student)
            self._tally.add({(mode, *key): pair for key, pair in pairs.items()})
        if mode not in self._guess:
            self._targets[mode].append(batch.target.detach())

    def epoch(self) -> dict[str, float]:
        """The measurements since the last call, for any logger; all processes have to call it.

        Returns:
            For every modality `m`: `m/<metric>` of its unimodal logits; `m/gradient_norm`, the mean
            over steps of ‖∂L/∂θ_m‖ on its encoder, 0 while it is frozen; `m/cosine`, the mean over
            batches of cos(∂L/∂f_m, ∂L_m/∂f_m) on its features, and `m/conflict`, the share of
            batches in which that is negative; where it has a teacher `m/teacher_<metric>`, and
            `m/confidence_ratio`, its mean confidence over the teacher's. Then `fused/<metric>`. Of
            validation passes the keys begin with `val/`. What is not defined is left out.

        Raises:
            UserError: Nothing was watched.
        """
        if self._tally.batches == 0:
            raise UserError(
                "the doctor has watched nothing since the last epoch; call doctor.watch(target) "
                "after loss.backward() in every step"
            )
        self._read_guesses()
        means = self._tally.read()
        record: dict[str, float] = {}
        for mode, prefix in _PREFIX.items():
            for name in (FUSED, *self.student.modalities):
                found = {q: means[mode, name, q] for q in QUANTITIES if (mode, name, q) in means}
                values = values_of(self.task, found)
                record |= {f"{prefix}{name}/{key}": value for key, value in values.items()}
        self.history.append(record)
        return dict(record)

    def detach(self) -> None:
        """Removes the doctor's hooks."""
        self._last.detach()

    # --- what it reports -------------------------------------------------------------------------

    def sentence(self) -> str:
        """Which modalities learn and which are suppressed, by the last epoch.

        By validation passes where there were any, else by those of training.

        Raises:
            UserError: There was no epoch.
        """
        self._check_history()
        record = self.history[-1]
        mode = f"{_PREFIX[False]}{FUSED}/{self.task.metric}" not in record
        prefix, split = _PREFIX[mode], "training" if mode else "validation"
        own = {key.removeprefix(prefix): v for key, v in record.items() if key.startswith(prefix)}
        text = sentence(
            own,
            self.student.modalities,
            self.task,
            self._guess[mode],
            self._reader.probes.used,
        )
        return f"After epoch {len(self.history)}, on {split} batches: {text}"

    def plot(self, path: str | Path) -> Path:
        """Draws all epochs into a file, in the format of its ending.

        Raises:
            UserError: There was no epoch, or matplotlib is not installed.
        """
        self._check_history()
        return draw(self.history, self.student.modalities, self.task.metric, Path(path))

    def _check_history(self) -> None:
        if not self.history:
            raise UserError("there is no epoch yet to speak of; call doctor.epoch() after each")

    def _read_guesses(self) -> None:
        """The metric of a guess, from the targets of the first epoch of each split."""
        for mode, parts in self._targets.items():
            if parts:
                target = torch.cat(parts)
                self._guess[mode] = self.task.metrics(self.task.constant(target), target)[
                    self.task.metric
                ]
                parts.clear()


def _fused(output: Any, logits: Tensor | None) -> Tensor:
    try:
        return logits_of(output if logits is None else logits)
    except UserError as error:
        raise UserError(
            f"the model returned a {type(output).__name__} in which there are no logits to be "
            "found; give doctor.watch(target, logits=...)"
        ) from error


@contextmanager
def _exactly(device: torch.device) -> Iterator[None]:
    """Without a graph, and in the precision of what is measured."""
    with torch.no_grad(), torch.autocast(device.type, enabled=False):
        yield
