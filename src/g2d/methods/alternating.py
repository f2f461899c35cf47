"""Methods of which every step is several: one for each modality, with the others at rest."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.methods.base import Method
from g2d.methods.checks import no_single_loss
from g2d.methods.parts import parts_of_step

Gradients = list[Tensor | None]


class Alternating(Method):
    """Takes a step of the optimizer for each modality in turn, in the declared order.

    A turn knows the encoder of one modality and what all share; the rest stays as it is, and the
    activations of one encoder are freed before the next begins. A method defines what is trained in
    a turn (`trained_with`) and on which loss (`loss_of_turn`).
    """

    one_loss = False
    uncompiled = "runs each encoder by itself"

    @abstractmethod
    def trained_with(self, name: str) -> Sequence[nn.Parameter]:
        """The parameters that a turn of this modality trains beside its encoder."""

    @abstractmethod
    def loss_of_turn(self, name: str, batch: Batch) -> tuple[Tensor, Tensor]:
        """The loss of a modality on a batch, a scalar, and sums that `changed` is given."""

    @abstractmethod
    def changed(self, name: str, gradients: Gradients, sums: Tensor) -> Gradients:
        """The gradients of a turn before its step.

        Args:
            name: The modality.
            gradients: Of `trained_with`, then of the encoder.
            sums: What `loss_of_turn` summed up, over the batches of the step.
        """

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Raises an error: such a method has no single loss.

        Raises:
            UserError: Always.
        """
        raise no_single_loss(type(self).__name__)

    def step(self, *batches: Batch) -> Tensor:
        """One step of the optimizer for each modality, with no other modality in memory."""
        batches = parts_of_step(batches)
        losses = [self._step_of(name, batches) for name in self.student.modalities]
        return torch.stack(losses).mean()

    def _step_of(self, name: str, batches: tuple[Batch, ...]) -> Tensor:
        own = [p for p in self.student.encoder_parameters(name) if p.requires_grad]
        parameters = [*self.trained_with(name), *own]
        size = sum(len(batch) for batch in batches)
        gradients: Gradients = [None] * len(parameters)
        losses, sums = [], []
        for batch in batches:
            with self.precision():
                loss, seen = self.loss_of_turn(name, batch)
            loss = loss * (len(batch) / size)
            found = self.loop.gradients(loss, parameters, keep=False)
            gradients = gates.added(gradients, found)
            losses.append(loss.detach())
            sums.append(seen)
        gates.assign(parameters, self.changed(name, gradients, torch.stack(sums).sum(dim=0)))
        self.loop.update()
        return torch.stack(losses).sum()

    def stage(self) -> str:
        """The epoch's name in records: modalities take turns."""
        return "alternating"
