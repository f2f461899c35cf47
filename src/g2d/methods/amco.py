"""AMCo: the features of the modality that the model depends on are masked, more and more."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.masking import amco_dependence, amco_mask_factors, amco_mask_rate
from g2d.methods.base import Method, check_weight
from g2d.methods.unimodal import shown, unimodal_losses
from g2d.models.fusion.base import Present
from g2d.ranks import sum_over_ranks
from g2d.student.base import Modulation, Student
from g2d.tasks import Classification, Task


class AMCo(Method):
    """Masks features of the modality that the model depends on most.

    L = l(z, y) + λ Σ_m l(z_m, y), with z of masked features.

    The model depends on m where m's share of softmax([z_1; …; z_k]), the mean over the samples of
    a step, is above σ. In the next step ⌊p d_m⌋ of its d_m features are zero, chosen anew for
    every step, and the others are divided by 1 - p;
    p = p_max sin(π/2 min(1, e / (ε E))) in epoch e of E.

    Adaptive Mask Co-optimization of Zhou, Liang, Zheng, Xuan and Kumada, *Adaptive Mask
    Co-optimization for Modal Dependence in Multimodal Learning*, ICASSP 2023.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        mask: p_max, the largest share of features masked; at 0 nothing is.
        ramp: ε, the share of training after which p is largest.
        threshold: σ; 1/k when not given: more than an equal share.
        weight: λ; with `mask` 0 and `weight` 0 this is joint training, bit for bit.
        seed: Of the masks.

    Raises:
        UserError: An option is out of range.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.AMCo(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"mask": 0.0, "weight": 0.0}}
    tasks: ClassVar[tuple[type[Task], ...]] = (Classification,)
    uncompiled = "draws at random what it changes of the features"

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        mask: float = 1.0,
        ramp: float = 0.3,
        threshold: float | None = None,
        weight: float = 1.0,
        seed: int = 0,
    ) -> None:
        super().__init__(student, task)
        for name, value in {"mask": mask, "threshold": threshold}.items():
            if value is not None and not 0 <= value <= 1:
                raise UserError(f"{name} must be between 0 and 1, got {value}")
        check_weight("ramp", ramp, above=0)
        check_weight("weight", weight)
        self.mask = mask
        self.ramp = ramp
        self.threshold = threshold
        self.weight = weight
        self.generator = torch.Generator().manual_seed(seed)
        self.rate = 0.0
        self.dependent: dict[str, Tensor] = {}
        self._shares: Tensor | None = None
        self._factors: dict[str, Tensor] = {}
        if mask or weight:
            self.student.need_unimodal_logits(task.outputs)

    def begin_epoch(self, epoch: int) -> None:
        """Sets p, the share of features masked in this epoch."""
        self.rate = amco_mask_rate(epoch, self.loop.epochs, self.mask, self.ramp)
        self._factors = {}

    def modulation(self) -> Modulation | None:
        """The function that masks features, while masking acts."""
        return self.masked if self.mask else None

    def masked(
        self, widths: Mapping[str, int], size: int, present: Present | None = None
    ) -> dict[str, Tensor]:
        """Factors `(1, d_m)`: with zeros for the modalities that the model depends on.

        All batches of a step have the same.
        """
        if self._factors or not (self.rate and self.dependent):
            return self._factors
        device, factors = self.student.device, {}
        for name in sorted(widths):
            order = torch.randperm(widths[name], generator=self.generator)
            factor = amco_mask_factors(order, self.rate)
            depends = self.dependent[name].to(device, non_blocking=True)
            factors[name] = torch.where(depends, factor.to(device, non_blocking=True), 1.0)[None]
        self._factors = factors
        return factors

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The loss of what is fused, and of every modality by itself, unmasked."""
        loss = super().objective(outputs, batch)
        if self.mask:
            shares = dependence(outputs, batch)
            self._shares = shares if self._shares is None else self._shares + shares
        if self.weight:
            alone = unimodal_losses(self.task, outputs, batch)
            loss = loss + self.weight * torch.stack(list(alone.values())).sum()
        return loss

    def modify_gradients(self) -> None:
        """Changes no gradient; notes what the model depends on, for the next step."""
        self._factors = {}
        if self._shares is None:
            return
        shares = sum_over_ranks(self._shares)
        self._shares = None
        equal = 1 / len(shares)
        depends = shares / shares.sum() > (equal if self.threshold is None else self.threshold)
        self.dependent = dict(zip(self.student.modalities, depends, strict=True))

    def stage(self) -> str:
        """The epoch's name in records: how much is masked."""
        return f"masking {self.rate:.0%}" if self.rate else "joint"

    def state_dict(self) -> dict[str, Any]:
        """The dependence on every modality, and the state of the random generator."""
        return {"dependent": self.dependent, "generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the dependence and the random generator."""
        self.dependent = dict(state["dependent"])
        self.generator.set_state(state["generator"])


def dependence(outputs: Outputs, batch: Batch) -> Tensor:
    """The dependence on every modality, summed over the samples of a batch, `(k,)`."""
    logits = shown(outputs)
    return amco_dependence(list(logits.values()), [batch.present.get(name) for name in logits])
