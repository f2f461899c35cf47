"""The G²D loss: the task's, the distance of features, the divergence of predictions."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, Literal, get_args

from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import check_choice
from g2d.functional.distillation import FeatureReduction
from g2d.functional.present import total
from g2d.methods.base import Method, check_weight
from g2d.methods.distance import (
    branch_distance,
    ensemble_distance,
    feature_distance,
    logit_distance,
)
from g2d.methods.unimodal import unimodal_losses
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank, TeacherOutputs
from g2d.teachers.given import apart

DistillTo = Literal["fused", "branch", "ensemble"]


class G2DLoss(Method):
    """Distils each teacher's feature and prediction into the student: Eq. 4, the loss of G²D.

    L = L_S + α Σ_m L_feat^m + β Σ_m L_logit^m + γ Σ_m ℓ(z_m, y): Eq. 4, and a loss a branch.

    Rakib and Bagavathi, *G²D: Boosting Multimodal Learning with Gradient-Guided Distillation*,
    ICCV 2025 (arXiv 2506.21514). The term with γ is this package's: the task's loss of every
    modality's own logits z_m, over the samples that have it.

    With α = β = γ = 0 this is joint training bit for bit. With β = γ = 0 it is `UMT` of weight α
    and the same `feature_reduction`. The preset `paper` has no γ, means over the feature as the
    authors' code does, and Eq. 3 on the fused prediction; `printed` the same with the sums of
    Eq. 2, which was the default until now.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`. Where it has no unimodal
            logits in training, a linear head is added for each modality, if γ or `branch` asks.
        task: What is to be predicted.
        teachers: Trained, one a modality; see `g2d.calibrate`.
        alpha: Weight of the feature distances, Eq. 2.
        beta: Weight of the divergences, Eq. 3.
        gamma: Weight of the branches' own losses.
        temperature: Softens both sides of Eq. 3.
        feature_reduction: `"mean"` over the dimensions, as the authors' code has it, or `"sum"`,
            as Eq. 2 is printed.
        distill_to: What is compared in the divergences. `"branch"`: the prediction of each
            modality's own logits with its teacher's; `"fused"`: the fused prediction with every
            teacher, Eq. 3; `"ensemble"`: the fused prediction with that of the teachers' ensemble,
            which is one term and not k.
        projected: Whether Eq. 2 compares what a gated fusion projects the features to, as the
            authors' code does; other fusions compare the features in any case.

    Example:
        >>> import torch, g2d
        >>> make = lambda name: g2d.UnimodalModel(name, torch.nn.Linear(3, 4), width=4, outputs=2)
        >>> models = {name: make(name) for name in ("sound", "image")}
        >>> task = g2d.Classification(2)
        >>> teachers = g2d.OnlineTeachers(models, task)
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.G2DLoss(student, task, teachers)  # then the loop of `g2d.Method`
    """

    needs_teachers = True
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "paper": {"feature_reduction": "mean", "gamma": 0.0, "distill_to": "fused"},
        "released": {
            **{"feature_reduction": "mean", "gamma": 0.0, "distill_to": "fused"},
            "projected": True,
        },
        "printed": {"feature_reduction": "sum", "gamma": 0.0, "distill_to": "fused"},
        "off": {"alpha": 0.0, "beta": 0.0, "gamma": 0.0},
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        teachers: TeacherBank,
        *,
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: float = 1.0,
        temperature: float = 1.0,
        feature_reduction: FeatureReduction = "mean",
        distill_to: DistillTo = "branch",
        projected: bool = False,
    ) -> None:
        super().__init__(student, task)
        check_weight("alpha", alpha)
        check_weight("beta", beta)
        check_weight("gamma", gamma)
        check_weight("temperature", temperature, above=0)
        check_choice("feature_reduction", feature_reduction, get_args(FeatureReduction))
        check_choice("distill_to", distill_to, get_args(DistillTo))
        self.teachers = apart(teachers, self.student)
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.temperature = temperature
        self.feature_reduction: FeatureReduction = feature_reduction
        self.distill_to: DistillTo = distill_to
        self.projected = projected
        if gamma or (beta and distill_to == "branch"):
            self.student.need_unimodal_logits(task.outputs)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """Eq. 4, and the branches' own losses."""
        loss = super().objective(outputs, batch)
        if self.alpha or self.beta:
            taught = self.teachers.outputs(batch)
        if self.alpha:
            compared = outputs
            if self.projected:
                compared = replace(outputs, features=dict(self.student.projected(outputs.features)))
            distance = feature_distance(compared, batch, taught, self.feature_reduction)
            loss = loss + _weighted(distance, self.alpha)
        if self.beta:
            loss = loss + _weighted(self._divergence(outputs, batch, taught), self.beta)
        if self.gamma:
            alone = unimodal_losses(self.task, outputs, batch)
            loss = loss + _weighted(total(list(alone.values())), self.gamma)
        return loss

    def _divergence(
        self, outputs: Outputs, batch: Batch, taught: Mapping[str, TeacherOutputs]
    ) -> Tensor:
        if self.distill_to == "ensemble":
            fused = self.teachers.ensemble(batch)
            return ensemble_distance(outputs, batch, fused, self.task, self.temperature)
        distance = branch_distance if self.distill_to == "branch" else logit_distance
        return distance(outputs, batch, taught, self.task, self.temperature)


def _weighted(term: Tensor, weight: float) -> Tensor:
    return term if weight == 1 else weight * term
