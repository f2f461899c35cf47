"""AGM: every modality's share of the prediction learns as much as it lags its own history."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import check_choice
from g2d.functional.agm import agm_coefficients, agm_lead, agm_scores
from g2d.gates import scale
from g2d.methods.base import Method, check_weight
from g2d.methods.contributions import PadMode, contributions
from g2d.methods.loop import Loop
from g2d.methods.window import check_window, in_window
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Task

Scope = Literal["output", "encoder"]


class AGM(Method):
    """Scales the gradient into every modality's share of the fused logits.

    With z(S) the fused logits when the inputs of all modalities outside S are zero, and z(∅) = 0,

        n_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! [z(S + m) - z(S)],
        s_m = ℓ(n_m, y),   r_m = exp(mean_{j ≠ m} s_j - s_m),   κ_m = exp(α min(τ_m - r_m, c)),

    τ_m being r_m of the running means of s. The loss is that of Σ_m n_m = z, and κ_m multiplies
    the gradient that flows into n_m: less for a modality further ahead than usual.

    Li et al., *Boosting Multi-modal Model Performance with Adaptive Gradient Modulation*,
    ICCV 2023 (arXiv 2308.07686).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        alpha: α, the strength; at 0 this is joint training, bit for bit.
        cap: c, the most that τ_m - r_m may be; `None` for no bound.
        window: The epochs in which gradients are scaled, `[start, end)`: shares of the training
            where the end is at most 1, else epochs. Before them the running means are followed,
            and training is joint outside them.
        modulated: κ_m acts on the `"output"` n_m and so on all that lies before it, or on the
            gradients of the `"encoder"`, which needs no second graph.
        pad_mode: The features in z(S), S ≠ all: those of the `"train"` pass, or those of one more
            pass in `"eval"` mode, as in the published code.

    Raises:
        UserError: The window is empty.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.AGM(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "released": {"pad_mode": "eval", "window": (0, 20)},
        "off": {"alpha": 0.0},
    }
    scales_gradients = True
    kept = ("_means", "_counts")

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        alpha: float = 1.0,
        cap: float | None = 7.0,
        window: tuple[float, float] = (0.0, 0.2),
        modulated: Scope = "output",
        pad_mode: PadMode = "train",
    ) -> None:
        super().__init__(student, task)
        check_weight("alpha", alpha)
        if cap is not None:
            check_weight("cap", cap)
        check_window(window)
        check_choice("modulated", modulated, get_args(Scope))
        check_choice("pad_mode", pad_mode, get_args(PadMode))
        self.alpha = alpha
        self.cap = cap
        self.window = window
        self.modulated: Scope = modulated
        self.pad_mode: PadMode = pad_mode
        self.epoch = 0
        self._means = self._counts = torch.zeros(0)
        self._collected: list[Tensor] = []

    def on_fit_start(self, loop: Loop) -> None:
        """Begins the running means, and how many batches they are of."""
        super().on_fit_start(loop)
        self._means, self._counts = torch.zeros(
            2, len(self.student.modalities), device=self.student.device
        )

    def begin_epoch(self, epoch: int) -> None:
        """Checks whether the epoch is inside the window."""
        self.epoch = epoch

    @property
    def modulating(self) -> bool:
        """Whether this epoch's gradients are scaled."""
        return self.alpha > 0 and in_window(self.window, self.epoch, self.loop.epochs)

    @property
    def watching(self) -> bool:
        """Whether this epoch's scores matter, now or later."""
        until_its_end = (0.0, self.window[1])
        return self.alpha > 0 and in_window(until_its_end, self.epoch, self.loop.epochs)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss, its value unchanged, its gradient scaled share by share."""
        if not self.watching:
            return super().objective(outputs, batch)
        at_output = self.modulating and self.modulated == "output"
        with self.precision(), torch.set_grad_enabled(at_output):
            shares = contributions(self.student, outputs, batch, self.pad_mode)
        sums = score_sums(self.task, shares.detach(), batch, self.student.modalities)
        if not at_output:
            self._collected.append(sums)
            return super().objective(outputs, batch)
        factors = self._factors(sums)[:, None, None]
        change = (factors - 1) * (shares - shares.detach())
        return self.task.loss(outputs.logits + change.sum(dim=0), batch.target)

    def modify_gradients(self) -> None:
        """Scales the encoders, if asked to; takes in the scores that were not used."""
        if not self._collected:
            return
        factors = self._factors(torch.stack(self._collected).sum(dim=0))
        self._collected = []
        if self.modulating:
            for name, factor in zip(self.student.modalities, factors.unbind(), strict=True):
                scale(self.student.encoder_parameters(name), factor)

    def stage(self) -> str:
        """The epoch's name in records: whether gradients are scaled."""
        return "modulated" if self.modulating else "joint"

    def _factors(self, sums: Tensor) -> Tensor:
        """κ `(k,)` from sums and counts `(2, k)` of the scores, which then join the means."""
        total, count = sum_over_ranks(sums)
        scores = total / count  # nan for a modality that no sample has
        known = scores.isfinite()
        past = torch.where(known & (self._counts > 0), self._means, torch.nan)
        factors = agm_coefficients(agm_lead(scores), agm_lead(past), self.alpha, self.cap)
        self._counts = self._counts + known
        step = (scores - self._means) / self._counts
        self._means = torch.where(known, self._means + step, self._means)
        return factors


def score_sums(task: Task, shares: Tensor, batch: Batch, modalities: tuple[str, ...]) -> Tensor:
    """Sums over the samples of the scores of the shares `(k, B, C)`, and counts: `(2, k)`."""
    k = len(shares)
    target = batch.target.repeat(k, *[1] * (batch.target.ndim - 1))
    losses = agm_scores(task, shares.flatten(0, 1), target).view(k, -1)
    there = torch.stack([batch.mask(name).to(losses) for name in modalities])
    return torch.stack([(losses * there).sum(dim=1), there.sum(dim=1)])
