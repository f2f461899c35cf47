"""CML: confidence must not rise when a modality is taken away."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.functional.losses import cml_rise
from g2d.functional.present import mean_over_present
from g2d.methods.base import Method, check_weight
from g2d.methods.coalitions import anyone, coalition_logits, coalitions
from g2d.methods.parts import weighed
from g2d.student.base import Student
from g2d.tasks import Classification, Task


class CML(Method):
    """Penalises a prediction that is more confident from fewer modalities.

    L = (L_F + η Σ_s ℓ_s) / (1 + η (k-1)) + λ Σ_s mean relu(c(S without m) - c(S)).

    c(S) is the largest probability that is given from the modalities in S alone. The first sum is
    over sizes s = 1 .. k-1, ℓ_s the mean loss over all S of that size; the second is over sizes
    s = 2 .. k, the mean over all S of that size, all m in S, and the samples. That is the mean over
    all orders in which the modalities may be taken away one by one.

    Ma, Zhang, Zhang, Wu, Fu, Zhou and Hu, *Calibrating Multimodal Learning*, ICML 2023
    (arXiv 2306.01265).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        weight: λ.
        partial: η, weight of the predictions from a part of the modalities in the task's loss.
        forgive: Whether confidence may rise where the smaller set is right and the larger wrong.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.CML(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"weight": 0.0, "partial": 0.0}}
    tasks: ClassVar[tuple[type[Task], ...]] = (Classification,)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        weight: float = 1.0,
        partial: float = 1.0,
        forgive: bool = True,
    ) -> None:
        super().__init__(student, task)
        check_weight("weight", weight)
        check_weight("partial", partial)
        self.weight = weight
        self.partial = partial
        self.forgive = forgive

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss over all sizes of sets, and the rises of confidence."""
        fused = super().objective(outputs, batch)
        if not (self.weight or self.partial):
            return fused
        modalities = self.student.modalities
        with self.precision():
            by_coalition = {
                each: coalition_logits(self.student, outputs, batch, each)
                for each in coalitions(modalities)
            }
        sizes: dict[int, list[Tensor]] = {}
        for coalition, logits in by_coalition.items():
            losses = self.task.losses(logits, batch.target)
            term = mean_over_present(losses, anyone(batch, coalition))
            term = weighed(term, batch, *coalition, one_is_enough=True)
            sizes.setdefault(len(coalition), []).append(term)
        parts = [torch.stack(sizes[size]).mean() for size in range(1, len(modalities))]
        loss = (fused + self.partial * torch.stack(parts).sum()) / (1 + self.partial * len(parts))
        return loss + self.weight * self._rises(by_coalition, batch) if self.weight else loss

    def _rises(self, by_coalition: Mapping[frozenset[str], Tensor], batch: Batch) -> Tensor:
        sure = {
            each: logits.float().softmax(dim=1).amax(dim=1) for each, logits in by_coalition.items()
        }
        right = {
            each: self.task.predict(logits) == batch.target for each, logits in by_coalition.items()
        }
        sizes: dict[int, list[Tensor]] = {}
        for whole in by_coalition:
            for name in whole if len(whole) > 1 else ():
                rest = whole - {name}
                forgiven = right[rest] & ~right[whole] if self.forgive else None
                term = cml_rise(sure[rest], sure[whole], anyone(batch, rest), forgiven)
                term = weighed(term, batch, *rest, one_is_enough=True)
                sizes.setdefault(len(whole), []).append(term)
        return torch.stack([torch.stack(terms).mean() for terms in sizes.values()]).sum()
