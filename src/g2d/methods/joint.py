"""Joint training: one loss on the fused prediction. What every method is compared with."""

from __future__ import annotations

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.functional.present import total
from g2d.methods.base import Method, check_weight
from g2d.methods.calls import Needs
from g2d.methods.unimodal import unimodal_losses
from g2d.student.base import Student
from g2d.tasks import Task


class JointTraining(Method):
    """Every encoder learns from the loss of the fused prediction, Eq. 1 alone.

    With `gamma` it also learns from a loss of its own: L = L_S + γ Σ_m ℓ(z_m, y). That is the loss
    of `G2DLoss` without distillation, so it needs no teachers.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`. Where it has no unimodal
            logits in training, a linear head is added for each modality, if γ asks for them.
        task: What is to be predicted.
        gamma: Weight of the unimodal losses; 0 is joint training as it is known.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> task = g2d.Classification(2)
        >>> method = g2d.JointTraining(student, task)  # then the loop of `g2d.Method`
    """

    def __init__(self, student: Student | nn.Module, task: Task, *, gamma: float = 0.0) -> None:
        super().__init__(student, task)
        check_weight("gamma", gamma)
        self.gamma = gamma
        if gamma:
            self.student.need_unimodal_logits(task.outputs)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Eq. 1, and the unimodal losses where they are asked for."""
        loss = super().objective(outputs, batch)
        if not self.gamma:
            return loss
        alone = total(list(unimodal_losses(self.task, outputs, batch).values()))
        return loss + self.gamma * alone

    def _needs(self) -> Needs:
        needed = super()._needs()
        return needed if self.gamma else needed._replace(loss=False)
