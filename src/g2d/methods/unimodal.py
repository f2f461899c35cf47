"""The loss and the score of each modality's unimodal logits inside the student."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.losses import unimodal_loss
from g2d.functional.present import sum_over_present
from g2d.methods.parts import weighed
from g2d.ranks import sum_over_ranks
from g2d.tasks import Task

Measure = Callable[[Tensor, Tensor], Tensor]


def unimodal_losses(task: Task, outputs: Outputs, batch: Batch) -> dict[str, Tensor]:
    """L_m, the task's loss of every modality's own logits, over the samples that have it.

    Raises:
        UserError: The model shows no logits of the modalities in training.
    """
    return {
        name: loss_of_present(task, logits, batch, name) for name, logits in shown(outputs).items()
    }


def loss_of_present(task: Task, logits: Tensor, batch: Batch, modality: str) -> Tensor:
    """The task's loss of some logits, over the samples that have the modality."""
    loss = unimodal_loss(task, logits, batch.target, batch.present.get(modality))
    return weighed(loss, batch, modality)


def shown(outputs: Outputs) -> Mapping[str, Tensor]:
    """The logits of every modality.

    Raises:
        UserError: The model shows none in training.
    """
    if not outputs.unimodal:
        raise UserError(
            "the model has no unimodal logits in training; attach it with heads=..., or use late, "
            "sum or concat fusion"
        )
    return outputs.unimodal


class Scores:
    """c_m, the mean confidence of every modality's own logits in the right answer, of one step.

    With `measure` it is the mean of something else, `(B,)` of logits and target.

    Collected over the batches of a step and all processes, on the device, without a graph.

    Example:
        >>> import torch
        >>> from g2d import Batch, Classification, Outputs
        >>> scores = Scores(Classification(2))
        >>> batch = Batch({"sound": torch.zeros(2, 1)}, torch.tensor([0, 1]), torch.arange(2))
        >>> outputs = Outputs(torch.zeros(2, 2), {}, {"sound": torch.zeros(2, 2)})
        >>> scores.add(outputs, batch)
        >>> scores.read()
        {'sound': tensor(0.5000)}
    """

    def __init__(self, task: Task, measure: Measure | None = None) -> None:
        self.measure = measure or task.confidence
        self._sums: dict[str, Tensor] = {}

    def add(self, outputs: Outputs, batch: Batch) -> None:
        """Takes in a batch of the step."""
        for name, logits in shown(outputs).items():
            values = self.measure(logits.detach(), batch.target)
            pair = sum_over_present(values, batch.present.get(name))
            self._sums[name] = self._sums[name] + pair if name in self._sums else pair

    def read(self) -> dict[str, Tensor]:
        """The scores, `nan` for a modality that no sample has; begins anew for the next step."""
        return {name: total / count for name, (total, count) in self.read_sums().items()}

    def read_sums(self) -> dict[str, tuple[Tensor, Tensor]]:
        """The sums behind the scores, and of how many samples each is; begins anew likewise.

        Raises:
            UserError: Nothing was collected.
        """
        if not self._sums:
            raise UserError(
                "asked to change gradients, and no loss was computed since the last time; train on "
                "method.loss(prediction, target), and call method.adjust_gradients() once for "
                "each optimizer step"
            )
        sums = sum_over_ranks(torch.stack(list(self._sums.values())))
        read = {name: (pair[0], pair[1]) for name, pair in zip(self._sums, sums, strict=True)}
        self._sums = {}
        return read
