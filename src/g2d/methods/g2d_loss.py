"""The G²D loss: the task's, the distance of features, the divergence of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, get_args

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import check_choice
from g2d.functional.distillation import FeatureReduction
from g2d.methods.base import Method, check_weight
from g2d.methods.distance import feature_distance, logit_distance
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank


class G2DLoss(Method):
    """L = L_S + α Σ_m L_feat^m + β Σ_m L_logit^m, Eq. 4.

    Rakib and Bagavathi, *G²D: Boosting Multimodal Learning with Gradient-Guided Distillation*,
    ICCV 2025 (arXiv 2506.21514). With α = β = 0 this is joint training bit for bit, with β = 0
    it is UMT of the same `feature_reduction` and weight α. The preset `paper` takes means over the
    feature, as the authors' code does.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        teachers: Trained, one a modality.
        alpha: Weight of the feature distances, Eq. 2.
        beta: Weight of the divergences, Eq. 3.
        temperature: Softens both sides of Eq. 3.
        feature_reduction: `"sum"` over the dimensions, as Eq. 2 is printed, or `"mean"`, as the
            authors' code has it.
    """

    needs_teachers = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"feature_reduction": "mean"},
        "off": {"alpha": 0.0, "beta": 0.0},
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        teachers: TeacherBank,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        temperature: float = 1.0,
        feature_reduction: FeatureReduction = "sum",
    ) -> None:
        super().__init__(student, task)
        check_weight("alpha", alpha)
        check_weight("beta", beta)
        check_weight("temperature", temperature, above=0)
        check_choice("feature_reduction", feature_reduction, get_args(FeatureReduction))
        self.teachers = teachers
        self.alpha = alpha
        self.beta = beta
        self.temperature = temperature
        self.feature_reduction: FeatureReduction = feature_reduction

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Eq. 4."""
        loss = super().objective(outputs, batch)
        if self.alpha or self.beta:
            said = self.teachers.outputs(batch)
        if self.alpha:
            loss = loss + self.alpha * feature_distance(
                outputs, batch, said, self.feature_reduction
            )
        if self.beta:
            loss = loss + self.beta * logit_distance(
                outputs, batch, said, self.task, self.temperature
            )
        return loss
