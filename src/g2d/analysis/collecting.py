"""The logits of a model and its teachers for the same samples, in one pass over them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from g2d.analysis.sampling import on_device_of
from g2d.analysis.subject import Subject
from g2d.batch import Batch
from g2d.errors import UserError
from g2d.methods.validation import named_logits
from g2d.student.predict_split import predict_split
from g2d.tasks import Task

Floats = NDArray[np.float64]

# Before the modality of a teacher, so that its logits are not the student's.
_TEACHER = "teacher of "


@dataclass(frozen=True)
class SampleLogits:
    """Logits of some samples, in the order of their batches.

    Attributes:
        student: `(N, C)` under `"fused"` and every modality's unimodal logits; empty where not
            run.
        teachers: `(N, C)` under every teacher's modality; empty where not run.
        target: `(N, ...)`.
        present: For modalities that can be missing, bool `(N,)`.
    """

    student: Mapping[str, Tensor]
    teachers: Mapping[str, Tensor]
    target: Tensor
    present: Mapping[str, Tensor]

    def having(self, name: str) -> NDArray[np.bool_]:
        """Which samples have a modality, `(N,)`; all have the fused prediction."""
        mask = self.present.get(name)
        there: NDArray[np.bool_] = np.ones(len(self.target), bool) if mask is None else mask.numpy()
        return there

    def confidence(self, task: Task, name: str, logits: Tensor) -> Floats:
        """Confidence of every sample in the right answer; `nan` where the modality is absent."""
        values: Floats = task.confidence(logits, self.target).double().numpy()
        return np.where(self.having(name), values, np.nan)


def collect_logits(
    subject: Subject, batches: Iterable[Batch], *, student: bool = True, teachers: bool = True
) -> SampleLogits:
    """Runs the model, its teachers, or both, in eval mode.

    Args:
        subject: Whose model and teachers.
        batches: One pass over a split.
        student: Whether the model is run.
        teachers: Whether the teachers are run.

    Raises:
        UserError: Teachers are wanted and there are none, or there are no samples.
    """
    if teachers and not subject.teachers:
        raise UserError(
            f"{subject.label} has no teachers; take a run that has, or train them with g2d teach, "
            "the run's recipe and the run's --out"
        )

    def logits_of(batch: Batch) -> dict[str, Tensor]:
        own = named_logits(subject.model.eval()(batch)) if student else {}
        used = subject.teachers if teachers else {}
        taught = {_TEACHER + n: m.eval()(batch).logits.float() for n, m in used.items()}
        return own | taught

    # teachers are opened where the model is
    found = predict_split(logits_of, on_device_of(subject.model, batches)).cpu()
    if not len(found.target):
        raise UserError(f"{subject.label}: there are no samples")
    own = {n: rows for n, rows in found.values.items() if not n.startswith(_TEACHER)}
    taught = {
        n.removeprefix(_TEACHER): rows for n, rows in found.values.items() if n.startswith(_TEACHER)
    }
    return SampleLogits(own, taught, found.target, found.present)
