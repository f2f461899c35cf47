"""What each modality predicts by itself, and where its own loss would move its feature."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from g2d import gates
from g2d.batch import Batch
from g2d.methods.unimodal import loss_of_present
from g2d.models.fusion.base import kept, presence
from g2d.monitor.probes import Probes
from g2d.student.base import Student
from g2d.student.passes import ForwardPass
from g2d.tasks import Task


class Reading(NamedTuple):
    """The measurements of one forward pass.

    Attributes:
        logits: Unimodal logits `(B, C)` by modality, without a graph.
        gradients: ∂L_m/∂f_m by modality, with L_m the loss of those logits; in training only.
    """

    logits: dict[str, Tensor]
    gradients: dict[str, Tensor]


class UnimodalReader:
    """Reads the unimodal logits of a model's heads, or of probes where it has none.

    The heads run once more, in eval mode, on features cut off from the graph: nothing of what the
    loop has computed is touched.

    Args:
        student: Whose features.
        task: What they predict.
    """

    def __init__(self, student: Student, task: Task) -> None:
        self.student, self.task = student, task
        self.probes = Probes(student.modalities, task.outputs)

    def read(self, forward: ForwardPass, batch: Batch) -> Reading:
        """Reads a pass; of one in train mode the probes learn, after they were read."""
        learning, masks = forward.training, presence(forward.encoded, batch.present)
        encoded = {
            name: kept(value.detach(), masks.get(name)).requires_grad_(learning)
            for name, value in forward.encoded.items()
        }
        own: dict[str, Tensor] = {}
        learned: dict[str, tuple[Tensor | None, ...]] = {}
        with torch.set_grad_enabled(learning):
            logits = self.student.unimodal_logits(encoded, batch.present)
            rest = {name: value for name, value in encoded.items() if name not in logits}
            logits |= self.probes.logits(self.student.pooled(rest), learning)
            for name in logits if learning else ():
                loss = loss_of_present(self.task, logits[name], batch, name)
                found = gates.gradients(loss, [encoded[name], *self.probes.parameters(name)])
                if found[0] is not None:
                    own[name] = found[0]
                learned[name] = found[1:]
        if learning:
            self.probes.learn(learned)
        return Reading({name: value.detach() for name, value in logits.items()}, own)
