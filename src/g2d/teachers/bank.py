"""One question to all teachers, whether they run now or ran before."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import NamedTuple
from weakref import WeakKeyDictionary

import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.models.unimodal import UnimodalModel
from g2d.tasks import Task


class TeacherOutputs(NamedTuple):
    """Features `(B, d_m)` and logits `(B, C)` of one teacher."""

    features: Tensor
    logits: Tensor


class TeacherBank(ABC):
    """Frozen teachers, one a modality.

    Attributes:
        task: What they predict.
        modalities: Whose teachers are here, in the declared order.
    """

    task: Task
    modalities: tuple[str, ...]

    @abstractmethod
    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """Features and logits of every teacher for this batch, on the batch's device."""

    @abstractmethod
    def confidence(self, batch: Batch) -> dict[str, Tensor]:
        """Each teacher's confidence in the right answer, `(B,)`, Eq. 5 before the mean."""


class OnlineTeachers(TeacherBank):
    """Teachers that run on every batch, in eval mode and without a graph.

    Each batch is computed once, however often it is asked for.

    Args:
        models: A trained model for each modality. They are frozen here, for good.
        task: What they predict.

    Example:
        >>> import torch
        >>> from g2d.tasks import Classification
        >>> teacher = UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=3)
        >>> bank = OnlineTeachers({"sound": teacher}, Classification(3))
        >>> batch = Batch({"sound": torch.randn(2, 4)}, torch.tensor([0, 2]), torch.arange(2))
        >>> bank.outputs(batch)["sound"].features.shape
        torch.Size([2, 8])
    """

    def __init__(self, models: Mapping[str, UnimodalModel], task: Task) -> None:
        for name, model in models.items():
            if model.modality != name:
                raise UserError(
                    f"the teacher given for {name!r} was made for {model.modality!r}; "
                    "give each modality its own"
                )
            model.eval().requires_grad_(False)
        self.models = dict(models)
        self.task = task
        self.modalities = tuple(models)
        self._known: WeakKeyDictionary[Batch, dict[str, TeacherOutputs]] = WeakKeyDictionary()

    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """Runs the teachers, or repeats what they said of this very batch."""
        if batch not in self._known:
            with torch.no_grad():
                said = {name: model.eval()(batch) for name, model in self.models.items()}
            self._known[batch] = {
                name: TeacherOutputs(outputs.features[name], outputs.logits)
                for name, outputs in said.items()
            }
        return self._known[batch]

    def confidence(self, batch: Batch) -> dict[str, Tensor]:
        """Eq. 5 before the mean, on the batch's device."""
        return {
            name: self.task.confidence(said.logits, batch.target)
            for name, said in self.outputs(batch).items()
        }
