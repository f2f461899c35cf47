"""MMCosine: joint training of a classifier of cosines, in which lengths do not count."""

from __future__ import annotations

from typing import ClassVar

from torch import nn

from g2d.errors import UserError
from g2d.methods.base import Method, check_weight
from g2d.methods.heads.mmcosine import CosineFusion
from g2d.student.base import Student
from g2d.student.own import OwnStudent
from g2d.tasks import Classification, MultiLabel, Task


class MMCosine(Method):
    """Sets features and class weights to length 1, modality by modality.

    L = task loss of z, z_c = s Σ_m cos(f_m, W_{m,c}).

    Xu, Feng, Zhang and Hu, *MMCosine: Multi-Modal Cosine Loss Towards Balanced Audio-Visual
    Fine-Grained Learning*, ICASSP 2023 (arXiv 2303.05338). The linear classifier on the features
    side by side loses its bias, and feature and class weights are set to length 1 modality by
    modality, in training and in prediction (see `CosineFusion`). The loss and the step are those
    of joint training.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted: classes or labels.
        scale: s, above 0.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = g2d.MMCosine(model, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    tasks: ClassVar[tuple[type[Task], ...]] = (Classification, MultiLabel)

    def __init__(self, student: Student | nn.Module, task: Task, *, scale: float = 10.0) -> None:
        super().__init__(student, task)
        check_weight("scale", scale, above=0)
        self.scale = scale
        if isinstance(self.student, OwnStudent):
            fusion = self.student.model.fusion
            if not (fusion.additive or isinstance(fusion, CosineFusion)):
                raise UserError(
                    f"MMCosine normalises a linear classifier, and {type(fusion).__name__} mixes "
                    "the features before it; use late, sum or concat fusion"
                )
        self.student.need_fusion("MMCosine", CosineFusion, scale=scale)
