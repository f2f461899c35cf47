"""UMT: joint training with every encoder pulled towards its teacher's features."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, get_args

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import check_choice
from g2d.functional.distillation import FeatureReduction
from g2d.methods.base import Method, check_weight
from g2d.methods.distance import feature_distance
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank
from g2d.teachers.given import apart


class UMT(Method):
    """Pulls the feature of each modality towards its teacher's.

    L = task loss + λ Σ_m ||f_m - f_T^m||².

    Uni-Modal Teacher of Du et al., *On Uni-Modal Feature Learning in Supervised Multi-Modal
    Learning*, ICML 2023 (arXiv 2305.01233).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        teachers: Trained, one a modality.
        weight: λ; at 0 this is joint training, bit for bit.
        feature_reduction: `"mean"` over the dimensions, or `"sum"`.

    Example:
        >>> import torch, g2d
        >>> make = lambda name: g2d.UnimodalModel(name, torch.nn.Linear(3, 4), width=4, outputs=2)
        >>> models = {name: make(name) for name in ("sound", "image")}
        >>> task = g2d.Classification(2)
        >>> teachers = g2d.OnlineTeachers(models, task)
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.UMT(student, task, teachers)  # then the loop of `g2d.Method`
    """

    needs_teachers = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"weight": 0.0}}

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        teachers: TeacherBank,
        *,
        weight: float = 1.0,
        feature_reduction: FeatureReduction = "mean",
    ) -> None:
        super().__init__(student, task)
        check_weight("weight", weight)
        check_choice("feature_reduction", feature_reduction, get_args(FeatureReduction))
        self.teachers = apart(teachers, self.student)
        self.weight = weight
        self.feature_reduction: FeatureReduction = feature_reduction

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss and the feature distances."""
        loss = super().objective(outputs, batch)
        if self.weight:
            taught = self.teachers.outputs(batch)
            loss = loss + self.weight * feature_distance(
                outputs, batch, taught, self.feature_reduction
            )
        return loss
