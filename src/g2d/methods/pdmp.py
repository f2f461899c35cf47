"""PDMP: the gradients of the modality whose teacher performs best are weighted more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.functional.modulation import pdmp_factors
from g2d.methods.base import Method, check_weight
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank
from g2d.teachers.confidence import batch_confidence
from g2d.teachers.given import apart, checked_confidence


class PDMP(Method):
    """Gives the modality that is best by itself the larger gradient.

    The encoder of the performance-dominant modality has its gradient times γ_p, others times γ_r.

    Wei, Luo, Zhu and Luo, *PDMP: Rethinking Balanced Multimodal Learning via Performance-Dominant
    Modality Prioritization* (arXiv 2604.05773): under-optimisation comes from too little learning
    of the modality that is best by itself. The rule is from the abstract and summaries of the
    paper; the values of γ are ours.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        teachers: The independently trained unimodal models.
        confidence: Confidence of every modality's teacher, measured once, best on held-out data;
            the highest is dominant, and all that are equally high. `None` ranks anew in every
            step from the teachers' confidence on that batch.
        gamma_p: γ_p, for the dominant modality.
        gamma_r: γ_r, for the rest. At 1 and 1 this is joint training, bit for bit.

    Example:
        >>> import torch, g2d
        >>> task = g2d.Classification(2)
        >>> make = lambda name: g2d.UnimodalModel(name, torch.nn.Linear(3, 4), width=4, outputs=2)
        >>> teachers = g2d.OnlineTeachers({"sound": make("sound"), "image": make("image")}, task)
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> PDMP(model, task, teachers, confidence={"sound": 0.9, "image": 0.4}).stage()
        'sound dominant'
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"gamma_p": 1.0, "gamma_r": 1.0}}
    needs_teachers = True
    ranks = True
    scales_gradients: ClassVar[bool] = True
    orders_modalities = True
    kept = ("_confidence",)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        teachers: TeacherBank,
        *,
        confidence: Mapping[str, float] | None = None,
        gamma_p: float = 2.0,
        gamma_r: float = 0.5,
    ) -> None:
        super().__init__(student, task)
        check_weight("gamma_p", gamma_p)
        check_weight("gamma_r", gamma_r)
        self.teachers = apart(teachers, self.student)
        self.gamma_p = gamma_p
        self.gamma_r = gamma_r
        self._confidence = checked_confidence(confidence, teachers)
        self._seen: list[Batch] = []

    @property
    def modulating(self) -> bool:
        """Whether these options change any gradient."""
        return (self.gamma_p, self.gamma_r) != (1.0, 1.0)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's; where the batches of a step decide, they are kept until its end."""
        if self.modulating and not self._confidence:
            self._seen.append(batch)
        return super().objective(outputs, batch)

    def modify_gradients(self) -> None:
        """Multiplies the gradient of every encoder by its γ."""
        for name, factor in self._factors().items():
            gates.scale(self.student.encoder_parameters(name), factor)

    def stage(self) -> str:
        """Which modality is dominant, as far as that is fixed."""
        if not self.modulating:
            return "joint"
        if not self._confidence:
            return "strongest of each batch"
        return f"{max(self._confidence, key=self._confidence.__getitem__)} dominant"

    def _factors(self) -> Mapping[str, Tensor]:
        if not self.modulating:
            return {}
        if self._confidence:
            known = torch.tensor(list(self._confidence.values()), dtype=torch.float64)
            # Scalars on the host: a gradient on any device is multiplied without waiting for it.
            fixed = pdmp_factors(known, self.gamma_p, self.gamma_r)
            return dict(zip(self._confidence, fixed, strict=True))
        confidence = batch_confidence(self.teachers, self._seen)
        self._seen = []
        values = torch.stack(list(confidence.values()))
        factors = pdmp_factors(values, self.gamma_p, self.gamma_r)
        return dict(zip(confidence, factors.to(self.student.device), strict=True))
