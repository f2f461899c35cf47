"""The interface of frozen teachers, and teachers that are run online."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple
from weakref import ref

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Call
from g2d.errors import UserError, check_mapping
from g2d.functional.predictions import ensemble_logits
from g2d.models.unimodal import UnimodalModel
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.wording import listed


class TeacherOutputs(NamedTuple):
    """Features `(B, d_m)` and logits `(B, C)` of one teacher."""

    features: Tensor
    logits: Tensor


def as_batch(item: object) -> Batch:
    """Checks that an item is a batch, and returns it.

    Raises:
        UserError: It is anything else, such as what a loader of one's own yields.
    """
    if not isinstance(item, Batch):
        raise UserError(
            f"got a {type(item).__name__}, expected a g2d.Batch, from which teachers take the "
            "inputs by modality: g2d.Batch({'first': x, 'second': y}, target, index)"
        )
    return item


class TeacherBank(ABC):
    """Frozen teachers, one a modality.

    Attributes:
        task: What they predict.
        modalities: Whose teachers are here, in the declared order.
        any_data: Whether it predicts for any batch, or only for those of one split.

    Example:
        A teacher that is no network, for methods that ask for logits alone:

        >>> import torch
        >>> from g2d.tasks import Classification
        >>> class Loudness(TeacherBank):
        ...     task, modalities = Classification(2), ("sound",)
        ...
        ...     def outputs(self, batch):
        ...         loud = batch.input_of("sound").mean(dim=1)
        ...         return {"sound": TeacherOutputs(loud[:, None], torch.stack([-loud, loud], 1))}
        >>> batch = Batch({"sound": torch.ones(1, 4)}, torch.tensor([1]), torch.arange(1))
        >>> Loudness().confidence(batch)
        {'sound': tensor([0.8808])}
    """

    any_data = True
    task: Task
    modalities: tuple[str, ...]

    def frozen_here(self) -> Iterable[nn.Parameter]:
        """The parameters that were trainable before they became a teacher's."""
        return ()

    @abstractmethod
    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """Features and logits of every teacher for this batch, on the batch's device."""

    def confidence(self, batch: Batch) -> dict[str, Tensor]:
        """Each teacher's confidence in the right answer, `(B,)`, Eq. 5 before the mean."""
        return {
            name: self.task.confidence(outputs.logits, batch.target)
            for name, outputs in self.outputs(batch).items()
        }

    def ensemble(self, batch: Batch) -> Tensor:
        """Logits `(B, C)` of the teachers' ensemble: the mean over those that a sample has."""
        outputs = self.outputs(batch)
        return ensemble_logits(
            [each.logits for each in outputs.values()], [batch.present.get(n) for n in outputs]
        )


class _Remembered(NamedTuple):
    """The teachers' outputs, and the batch (as it then was) that they belong to."""

    batch: ref[Batch]
    versions: list[int]
    outputs: dict[str, TeacherOutputs]


# Ranking and loss use the same batch, and a step may have several of them; a caller that
# keeps all batches in a list should not keep all outputs as well.
_REMEMBERED = 8


class OnlineTeachers(TeacherBank):
    """Teachers that run on every batch, in eval mode and without a graph.

    A batch is computed once, however often a training step uses it.

    Args:
        models: A trained model for each modality: a `UnimodalModel`, or a model of your own that
            `g2d.attach(net, {modality: encoder})` returned, which is called with what the
            student's encoder was called with and returns logits. They are frozen here, and stay so.
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

    def __init__(self, models: Mapping[str, UnimodalModel | Student], task: Task) -> None:
        self._frozen: list[nn.Parameter] = []
        check_mapping("teachers", models, "'sound': teacher")
        for name, model in models.items():
            if not isinstance(model, UnimodalModel | Student):
                raise UserError(
                    f"teachers: got a {type(model).__name__} for {name!r}, expected a "
                    "g2d.UnimodalModel, or of a model of your own "
                    f"g2d.attach(net, {{{name!r}: net.encoder}})"
                )
            if model.modalities != (name,):
                raise UserError(
                    f"the teacher given for {name!r} was made for "
                    f"{listed(map(repr, model.modalities))}; give each modality its own"
                )
            net = model.net if isinstance(model, Student) else model
            self._frozen += [p for p in net.parameters() if p.requires_grad]
            net.eval().requires_grad_(False)
        self.models = dict(models)
        self.task = task
        self.modalities = tuple(models)
        self._remembered: deque[_Remembered] = deque(maxlen=_REMEMBERED)

    def frozen_here(self) -> Iterable[nn.Parameter]:
        """The parameters that required a gradient when the models were given."""
        return self._frozen

    def outputs(self, batch: Batch) -> dict[str, TeacherOutputs]:
        """Runs the teachers, or returns what they predicted for this very batch before."""
        versions = [tensor._version for tensor in _tensors(batch)]
        for earlier in self._remembered:
            if earlier.batch() is batch and earlier.versions == versions:
                return earlier.outputs
        with torch.no_grad():
            outputs = {name: _ask(name, model, batch) for name, model in self.models.items()}
        self._remembered.append(_Remembered(ref(batch), versions, outputs))
        return outputs


def _ask(name: str, model: UnimodalModel | Student, batch: Batch) -> TeacherOutputs:
    if isinstance(model, Student):
        net, inputs = model.net.eval(), batch.input_of(name)
        prediction = inputs.into(net) if isinstance(inputs, Call) else net(inputs)
        outputs, _ = model.observe(prediction, batch.target)
    else:
        outputs = model.eval()(batch)
    return TeacherOutputs(outputs.features[name], outputs.logits)


def _tensors(batch: Batch) -> Iterator[Tensor]:
    for inputs in batch.inputs.values():
        yield from inputs.tensors() if isinstance(inputs, Call) else (inputs,)
