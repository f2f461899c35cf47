"""MLB: a loss for every modality, and gradients that are scaled up as well as down."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.modulation import mlb_coefficients
from g2d.gates import scale
from g2d.methods.base import Method, check_weight
from g2d.methods.unimodal import Scores, unimodal_losses
from g2d.student.base import Student
from g2d.tasks import Task

Scope = Literal["encoder", "branch"]


class MLB(Method):
    """Learns from a loss for every modality; slows down those ahead, speeds up those behind.

    L = ℓ(z, y) + γ Σ_m ℓ(z_m, y),   g_m ← κ_m g_m.

    s_m is the confidence of the modality's own logits z_m in the right answer, ρ_m the mean of s
    over the others, divided by s_m. κ_m = 1 + tanh(α (ρ_m - 1)) where ρ_m ≤ 1, else
    1 + (β - 1) tanh(α (ρ_m - 1)): it goes to 1 as all are equally confident. Kontras,
    Chatzichristos, Blaschko and De Vos, *Improving Multimodal Learning with Multi-Loss Gradient
    Modulation*, BMVC 2024 (arXiv 2405.07930), from the authors' code. Adam divides a scaled
    gradient by its own size: train with SGD.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        alpha: α, how strongly; at 0 no gradient is scaled.
        beta: β, the most that a gradient is multiplied by; 1 slows down and never speeds up.
        gamma: γ, weight of the modalities' own losses.
        modulated: What is scaled: the `"encoder"`, or the `"branch"`, which is the encoder with the
            modality's own head, as in the published code.

    Raises:
        UserError: β is below 1, or branches are to be scaled and there are none.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.MLB(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "released": {"modulated": "branch"},
        "off": {"alpha": 0.0, "gamma": 0.0},
    }
    scales_gradients = True

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        alpha: float = 0.8,
        beta: float = 2.0,
        gamma: float = 1.0,
        modulated: Scope = "encoder",
    ) -> None:
        super().__init__(student, task)
        check_weight("alpha", alpha)
        check_weight("gamma", gamma)
        if not 1 <= beta < float("inf"):
            raise UserError(f"beta must be 1 or more, got {beta}")
        check_choice("modulated", modulated, get_args(Scope))
        self.alpha = alpha
        self.beta = beta
        self.gamma = gamma
        self.modulated: Scope = modulated
        self._scores = Scores(task)
        if alpha or gamma:
            # without a loss of their own, heads that are added learn beside the model
            self.student.need_unimodal_logits(task.outputs, detached=gamma == 0)
        added = self.student.added_heads is not None
        if alpha and modulated == "branch" and not added and not self.student.has_branches:
            raise UserError(
                "modulated: the modalities have no heads of their own here, so there is no branch; "
                "use encoder, late fusion, or attach the model with heads"
            )

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss, and that of every modality's own logits."""
        loss = super().objective(outputs, batch)
        if self.alpha:
            self._scores.add(outputs, batch)
        probes = self.gamma == 0 and self.alpha > 0 and self.student.added_heads is not None
        weight = 1.0 if probes else self.gamma
        if weight:
            losses = unimodal_losses(self.task, outputs, batch)
            loss = loss + weight * torch.stack(list(losses.values())).sum()
        return loss

    def modify_gradients(self) -> None:
        """Scales the gradient of every modality."""
        if not self.alpha:
            return
        scores = self._scores.read()
        factors = mlb_coefficients(torch.stack(list(scores.values())), self.alpha, self.beta)
        for name, factor in zip(scores, factors, strict=True):
            scale(self._scoped(name), factor)

    def stage(self) -> str:
        """The epoch's name in records: whether gradients are scaled."""
        return "modulated" if self.alpha else "joint"

    def _scoped(self, name: str) -> list[nn.Parameter]:
        if self.modulated == "encoder":
            return self.student.encoder_parameters(name)
        if (added := self.student.added_heads) is not None:
            return [*self.student.encoder_parameters(name), *added[name].parameters()]
        return self.student.branch_parameters(name)
