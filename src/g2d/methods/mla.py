"""MLA: one modality after the other through one head, each sparing what the head learned last."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.errors import UserError, check_choice
from g2d.functional.gradients import mla_projector
from g2d.methods.alternating import Alternating, Gradients
from g2d.methods.base import check_weight
from g2d.methods.heads.mla import SharedHead
from g2d.methods.unimodal import loss_of_present
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import MultiLabel, Task

Projection = Literal["rls", "off"]


class MLA(Alternating):
    """Trains the modalities in turn, through one head that they share.

    For each modality in turn: θ_m and W take a step on ℓ(W f_m + b, y), with dW ← dW P.

    Zhang, Yoon, Bansal and Yao, *Multimodal Representation Learning by Alternating Unimodal
    Adaptation*, CVPR 2024 (arXiv 2311.10707). P spares the directions in which the modalities
    before have used the head: P ← P - u uᵀ / (α + rᵀu) with u = P r, r the mean feature of the
    modality that took the step before. It begins as the identity in every epoch. The head is one
    for all modalities (`SharedHead`), which also mixes their predictions.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        projection: `"rls"` is the recursion above; `"off"` leaves dW as it is, which is what the
            published code does.
        alpha: α, above 0; the smaller, the more of each direction is spared.
        fixed: Weights by which the modalities' predictions are mixed, in the place of those by
            entropy; needed for several labels.

    Raises:
        UserError: The task has several labels and there are no fixed weights.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = MLA(model, g2d.Classification(2))
        >>> optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        >>> method.on_fit_start(g2d.Loop(optimizer))
        >>> inputs = {name: torch.randn(2, 3) for name in widths}
        >>> batch = g2d.Batch(inputs, torch.tensor([0, 1]), torch.arange(2))
        >>> method.on_epoch_start(0)
        >>> method.step(batch).shape
        torch.Size([])
    """

    kept = ("_last",)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        projection: Projection = "rls",
        alpha: float = 0.1,
        fixed: Mapping[str, float] | None = None,
    ) -> None:
        super().__init__(student, task)
        check_choice("projection", projection, get_args(Projection))
        check_weight("alpha", alpha, above=0)
        if isinstance(task, MultiLabel) and fixed is None:
            raise UserError(
                "MLA mixes predictions by the entropy over classes, which several labels do not "
                "have; give fixed weights, one for each modality"
            )
        self.projection: Projection = projection
        self.alpha = alpha
        self.fusion = self.student.need_fusion("MLA", SharedHead, fixed=fixed)
        self._projector: Tensor | None = None
        self._last: Tensor | None = None

    def begin_epoch(self, epoch: int) -> None:
        """Forgets the directions: they are of features that have changed since."""
        self._projector = None

    def trained_with(self, name: str) -> list[nn.Parameter]:
        """The head, its weight first, and the adapter."""
        adapter = self.fusion.adapters[name].parameters()
        return [*self.fusion.head.parameters(), *(p for p in adapter if p.requires_grad)]

    def loss_of_turn(self, name: str, batch: Batch) -> tuple[Tensor, Tensor]:
        """The task's loss of the head's logits for the modality, and the sum of its features."""
        feature = self.fusion.adapt(name, self.student.encode(name, batch.input_of(name)))
        loss = loss_of_present(self.task, self.fusion.head(feature), batch, name)
        return loss, sum_and_count(feature.detach(), batch.present.get(name))

    def changed(self, name: str, gradients: Gradients, sums: Tensor) -> Gradients:
        """The head's gradient projected; remembers the mean feature for the next modality."""
        if self.projection == "rls":
            gradients[0] = self._spared(gradients[0])
            total = sum_over_ranks(sums)
            self._last = total[:-1] / total[-1].clamp(min=1)
        return gradients

    def _spared(self, gradient: Tensor | None) -> Tensor | None:
        """The gradient times P, after P has taken in the modality before, if there was one."""
        if gradient is None or self._last is None:
            return gradient
        last = self._last.to(gradient)
        if self._projector is None:
            self._projector = torch.eye(len(last), dtype=last.dtype, device=last.device)
        self._projector = mla_projector(self._projector, last, self.alpha)
        return gradient @ self._projector


def sum_and_count(features: Tensor, present: Tensor | None) -> Tensor:
    """Sum of the features of the samples that have the modality, and their number, `(d + 1,)`."""
    rows = features.float()
    there = rows.new_ones(len(rows)) if present is None else present.to(rows)
    kept = torch.where(there[:, None] > 0, rows, 0)
    return torch.cat([kept.sum(dim=0), there.sum()[None]])
