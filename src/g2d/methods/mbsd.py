"""MBSD: the modality that knows a sample better teaches the one that knows it worse."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.functional.distillation import mbsd_distillation
from g2d.methods.base import Method, check_weight
from g2d.methods.matching import present_in_both
from g2d.methods.parts import weighed
from g2d.methods.unimodal import shown, unimodal_losses
from g2d.student.base import Student
from g2d.tasks import Classification, Task


class MBSD(Method):
    """In each sample, the more confident modality teaches the other.

    L = L_F + υ Σ_m L_m + mean of ω (δ KL(p_s || p_w) + ε ||z_s - z_w||² / C).

    The mean is over samples and pairs of modalities. Of each pair, s is the one that gives the true
    class the higher probability in this sample, and w the other; ω = p_s[y] - p_w[y] where one of
    the two is right, else 0. The stronger one is the teacher and gets no gradient from it.

    After Liu, Li, Song, Yang and Zeng, *Multimodal Pre-Training with Self-Distillation for Product
    Understanding in E-Commerce*, WSDM 2023, in the form that BalanceBenchmark (arXiv 2502.10816)
    gives it for classification.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        unimodal: υ, weight of each modality's own loss.
        divergence: δ, weight of the divergence between the two predictions.
        distance: ε, weight of the squared distance between the two logits, a mean over classes.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.MBSD(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"unimodal": 0.0, "divergence": 0.0, "distance": 0.0}
    }
    tasks: ClassVar[tuple[type[Task], ...]] = (Classification,)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        unimodal: float = 1.0,
        divergence: float = 1.0,
        distance: float = 1.0,
    ) -> None:
        super().__init__(student, task)
        check_weight("unimodal", unimodal)
        check_weight("divergence", divergence)
        check_weight("distance", distance)
        self.unimodal = unimodal
        self.divergence = divergence
        self.distance = distance
        self.student.need_unimodal_logits(task.outputs)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused loss, the modalities' own, and what they teach each other."""
        loss = super().objective(outputs, batch)
        if self.unimodal:
            own = unimodal_losses(self.task, outputs, batch)
            loss = loss + self.unimodal * torch.stack(list(own.values())).sum()
        if self.divergence or self.distance:
            loss = loss + self._distillation(outputs, batch)
        return loss

    def _distillation(self, outputs: Outputs, batch: Batch) -> Tensor:
        logits = shown(outputs)
        terms = []
        for one, other in combinations(logits, 2):
            term = mbsd_distillation(
                logits[one],
                logits[other],
                batch.target,
                present_in_both(batch, one, other),
                self.divergence,
                self.distance,
            )
            terms.append(weighed(term, batch, one, other))
        return torch.stack(terms).mean()
