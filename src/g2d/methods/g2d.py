"""G²D: the G²D loss under sequential modality prioritization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import nn

from g2d.functional.distillation import FeatureReduction
from g2d.methods.g2d_loss import G2DLoss
from g2d.methods.schedule import Schedule
from g2d.methods.smp import Scope, SequentialPrioritization, Suppression
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank


class G2D(SequentialPrioritization):
    """Algorithm 1 of the paper: Eq. 4 as the loss, Eq. 5-8 as the order in which it is learned.

    Rakib and Bagavathi, *G²D: Boosting Multimodal Learning with Gradient-Guided Distillation*,
    ICCV 2025 (arXiv 2506.21514). α, β, T and the schedule default to the paper's; features
    are compared by the squared norm of Eq. 2 as printed, modalities ranked by how early their
    teachers learned and whole branches closed where the fusion has them, because that measured
    best (`benchmarks/results`). The preset `paper` is the
    paper's text, with its Eq. 8; the released code multiplies the gradients of convolutions by zero
    instead, so that momentum and weight decay go on moving them.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        teachers: Trained, one a modality.
        schedule: Epochs of every stage, τ_1 .. τ_k.
        confidence: What ranks the modalities, the lowest leading first: each teacher's learning
            speed or held-out confidence; `None` ranks every batch anew.
        alpha: Weight of the feature distances, Eq. 2. The squared norm grows with the width of
            the feature: lower alpha if the training loss rises.
        beta: Weight of the divergences, Eq. 3.
        temperature: Softens both sides of Eq. 3.
        feature_reduction: `"sum"` (Eq. 2 as printed) or `"mean"` (the authors' code).
        suppression: `"complete"` or `"partial"`.
        scope: `"encoder"`, `"branch"`, or `"auto"`: the branch where the fusion has one.

    Example:
        >>> import torch, g2d
        >>> task = g2d.Classification(2)
        >>> make = lambda name: g2d.UnimodalModel(name, torch.nn.Linear(3, 4), width=4, outputs=2)
        >>> teachers = g2d.OnlineTeachers({"sound": make("sound"), "image": make("image")}, task)
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> G2D(model, task, teachers, schedule=(5, 10)).schedule.boundaries
        (5,)
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {**SequentialPrioritization.presets[name], **G2DLoss.presets[name]}
        for name in ("paper", "off")
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        teachers: TeacherBank,
        schedule: Schedule | Sequence[int],
        *,
        confidence: Mapping[str, float] | None = None,
        alpha: float = 1.0,
        beta: float = 1.0,
        temperature: float = 1.0,
        feature_reduction: FeatureReduction = "sum",
        suppression: Suppression = "complete",
        scope: Scope = "auto",
    ) -> None:
        loss = G2DLoss(
            student,
            task,
            teachers,
            alpha=alpha,
            beta=beta,
            temperature=temperature,
            feature_reduction=feature_reduction,
        )
        super().__init__(
            loss, teachers, schedule, confidence=confidence, suppression=suppression, scope=scope
        )
