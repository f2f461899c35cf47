"""G²D: the G²D loss under sequential modality prioritization."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from torch import nn

from g2d.functional.distillation import FeatureReduction
from g2d.methods.g2d_loss import DistillTo, G2DLoss
from g2d.methods.schedule import Schedule
from g2d.methods.smp import SequentialPrioritization
from g2d.methods.suppression import FrozenFeatures, Scope, Suppression
from g2d.student.base import Student
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank

# The stages of the presets: half of the epochs to the weaker modalities, as by default.
_STAGES: Mapping[str, Mapping[str, Any]] = {
    "paper": {"schedule": "halves"},
    "released": {"schedule": "halves"},
    "printed": {"schedule": "halves"},
    "off": {},
}


class G2D(SequentialPrioritization):
    """The G²D loss, Eq. 4, with a loss for every branch; and Algorithm 1's order where asked for.

    Rakib and Bagavathi, *G²D: Boosting Multimodal Learning with Gradient-Guided Distillation*,
    ICCV 2025 (arXiv 2506.21514). α, β and T default to the paper's, and features are compared by
    means, as in the authors' code. Three things are this package's, because they measured better
    (`docs/methods/g2d.md`): every branch has a loss of its own (γ), its prediction and not the
    fused one is compared with its teacher's, and all modalities learn from the first epoch unless
    a schedule is given. The preset `paper` is the paper's text, with its Eq. 8 to the letter;
    `released` is what the authors' code does: gradients of convolutions are multiplied by zero, so
    that batch norm goes on learning and momentum and weight decay go on moving the weights, and all
    learn together one epoch later. The preset `printed` was the default until now:
    no γ, features by the squared norm of Eq. 2, stages ranked by learning speed.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        teachers: Trained, one a modality; see `g2d.calibrate`.
        schedule: Epochs of every stage, τ_1 .. τ_k; a `Schedule` with `patience` ends a stage early
            where its modality no longer improves on validation. Without one there are no stages.
        confidence: What ranks the modalities, the lowest is trained first: each teacher's learning
            speed or held-out confidence; `None` ranks every batch anew.
        alpha: Weight of the feature distances, Eq. 2.
        beta: Weight of the divergences, Eq. 3.
        gamma: Weight of the branches' own losses.
        temperature: Softens both sides of Eq. 3.
        feature_reduction: `"mean"` (the authors' code) or `"sum"` (Eq. 2 as printed: the distance
            then grows with the width of the feature; lower alpha if the training loss rises).
        distill_to: `"branch"`, `"fused"` (Eq. 3) or `"ensemble"`; see `G2DLoss`.
        projected: Whether Eq. 2 is of the projections of a gated fusion; see `G2DLoss`.
        suppression: `"complete"`, `"partial"` or `"released"`.
        scope: `"encoder"`, `"branch"`, or `"auto"`: the branch where the fusion has one.
        frozen_features: `"keep"` or `"drop"` the features of the frozen encoders in a stage.

    Example:
        >>> import torch, g2d
        >>> task = g2d.Classification(2)
        >>> make = lambda name: g2d.UnimodalModel(name, torch.nn.Linear(3, 4), width=4, outputs=2)
        >>> teachers = g2d.OnlineTeachers({"sound": make("sound"), "image": make("image")}, task)
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in ("sound", "image")}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion({"sound": 4, "image": 4}, 2))
        >>> G2D(model, task, teachers).prioritizing
        False
        >>> G2D(model, task, teachers, schedule=(5, 10)).schedule.boundaries
        (5,)
    """

    usual_schedule = 0
    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        name: {**_STAGES[name], **SequentialPrioritization.presets[name], **G2DLoss.presets[name]}
        for name in _STAGES
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        teachers: TeacherBank,
        schedule: Schedule | Sequence[int] | None = None,
        *,
        confidence: Mapping[str, float] | None = None,
        alpha: float = 1.0,
        beta: float = 1.0,
        gamma: float = 1.0,
        temperature: float = 1.0,
        feature_reduction: FeatureReduction = "mean",
        distill_to: DistillTo = "branch",
        projected: bool = False,
        suppression: Suppression = "complete",
        scope: Scope = "auto",
        frozen_features: FrozenFeatures = "keep",
    ) -> None:
        loss = G2DLoss(
            student,
            task,
            teachers,
            alpha=alpha,
            beta=beta,
            gamma=gamma,
            temperature=temperature,
            feature_reduction=feature_reduction,
            distill_to=distill_to,
            projected=projected,
        )
        stages = (0,) * len(teachers.modalities) if schedule is None else schedule
        super().__init__(
            loss,
            teachers,
            stages,
            confidence=confidence,
            suppression=suppression,
            scope=scope,
            frozen_features=frozen_features,
        )
