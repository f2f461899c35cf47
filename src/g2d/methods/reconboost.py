"""ReconBoost: one modality corrects what the others get wrong, then all learn together."""

from __future__ import annotations

from typing import get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.losses import BoostingObjective, reconboost_objective
from g2d.functional.present import mean_over_present
from g2d.gates import freeze
from g2d.methods.base import Method, check_weight
from g2d.methods.heads.reconboost import BoostedSum
from g2d.methods.loop import Loop
from g2d.methods.matching import present_in_both
from g2d.methods.parts import weighed
from g2d.student.base import Student
from g2d.tasks import Classification, Task


class ReconBoost(Method):
    """Lets each modality in turn fit what the others miss, then all together.

    Stages in the declared order: modality m boosts alone, then η Σ_m z_m is rectified by all.

    Hua, Xu, Bao, Yang and Huang, *ReconBoost: Boosting Can Achieve Modality Reconcilement*, ICML
    2024 (arXiv 2405.09321). While m boosts, with p̄ the softmax of η times the sum of the others:

        L = mean_i (w1 - w2 p̄_i[y_i]) / C · CE_i(z_m)          `released`
        L = CE(z_m) - (w2 / w1) KL(p̄ || softmax(z_m))          `kl`

    and then L = CE(η Σ_m z_m) for all encoders, the shared head and η (`BoostedSum`). The
    optimizer forgets its momentum at the start of each of the two phases.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        objective: Of the boosting phase: of the published code, or of the paper's idea.
        w1: Weight of the cross-entropy.
        w2: Weight of what the others already know, below w1.
        boost_epochs: Epochs of a boosting phase; `None` for 4, or fewer where the training is too
            short to give every modality two stages.
        rectify_epochs: Epochs of a rectification; `None` for the same rule.
        mcr: Memory consolidation: pulls the prediction of m to that of the modality whose stage
            was before. The published code detaches it from both, so that it does nothing.
        alpha: Its weight.
        hidden: Width of the shared head's hidden layer; 0 for a linear head.

    Raises:
        UserError: A weight or a number of epochs makes no sense.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = ReconBoost(model, g2d.Classification(2), boost_epochs=1, rectify_epochs=1)
        >>> optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        >>> method.on_fit_start(g2d.Loop(optimizer, epochs=5))
        >>> for epoch in range(5):
        ...     method.on_epoch_start(epoch)
        ...     print(method.stage())
        sound boosts
        rectification
        image boosts
        rectification
        sound boosts
    """

    tasks = (Classification,)
    orders_modalities = True

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        objective: BoostingObjective = "released",
        w1: float = 5.0,
        w2: float = 1.0,
        boost_epochs: int | None = None,
        rectify_epochs: int | None = None,
        mcr: bool = False,
        alpha: float = 0.5,
        hidden: int = 256,
    ) -> None:
        super().__init__(student, task)
        check_choice("objective", objective, get_args(BoostingObjective))
        check_weight("w1", w1, above=0)
        check_weight("w2", w2)
        check_weight("alpha", alpha)
        if w2 >= w1:
            raise UserError(f"w2 must be below w1, got w1 {w1:g} and w2 {w2:g}")
        for name, length in (("boost_epochs", boost_epochs), ("rectify_epochs", rectify_epochs)):
            if length is not None and length < 1:
                raise UserError(f"{name} must be 1 or more, got {length}")
        self.boosting: BoostingObjective = objective
        self.w1, self.w2 = w1, w2
        self.boost_epochs, self.rectify_epochs = boost_epochs, rectify_epochs
        self.mcr, self.alpha = mcr, alpha
        self.fusion = self.student.need_fusion("ReconBoost", BoostedSum, hidden=hidden)
        self._number = 0
        self._booster: str | None = None

    def on_fit_start(self, loop: Loop) -> None:
        """Decides how long the phases are."""
        super().on_fit_start(loop)
        length = phase_length(loop.epochs, len(self.student.modalities))
        self._lengths = (self.boost_epochs or length, self.rectify_epochs or length)

    def begin_epoch(self, epoch: int) -> None:
        """Moves on to the phase of this epoch, with partners at rest and a fresh optimizer."""
        boost, rectify = self._lengths
        self._number, within = divmod(epoch, boost + rectify)
        if within in (0, boost):
            self.loop.optimizer.state.clear()
        self._booster = self._modality(self._number) if within < boost else None
        if self._booster is not None:
            for name in self.student.modalities:
                if name != self._booster:
                    for module in self.student.encoder_modules(name):
                        module.eval()

    def active(self) -> frozenset[str] | None:
        """The one that boosts, or all."""
        return None if self._booster is None else frozenset((self._booster,))

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The boosting objective, or the task's loss of the sum."""
        name = self._booster
        if name is None:
            return super().objective(outputs, batch)
        logits, mask = outputs.unimodal[name], batch.present.get(name)
        rest = self._rest(outputs, name)
        losses = reconboost_objective(
            logits, rest, batch.target, self.boosting, self.w1, self.w2, self.task
        )
        loss = weighed(mean_over_present(losses, mask), batch, name)
        if self.mcr and self._number:
            before = self._modality(self._number - 1)
            previous = outputs.unimodal[before].detach().float().softmax(dim=1)
            distance = ((logits.float().softmax(dim=1) - previous) ** 2).mean(dim=1)
            both = present_in_both(batch, name, before)
            distance = weighed(mean_over_present(distance, both), batch, name, before)
            loss = loss + self.alpha * distance
        return loss

    def modify_gradients(self) -> None:
        """Leaves the rate and the partners' adapters as they are while a modality boosts."""
        if self._booster is not None:
            freeze([self.fusion.rate])
            for name, adapter in self.fusion.adapters.items():
                if name != self._booster:
                    freeze(adapter.parameters())

    def stage(self) -> str:
        """The epoch's name in records: the modality that boosts, or that all rectify."""
        return "rectification" if self._booster is None else f"{self._booster} boosts"

    def _modality(self, number: int) -> str:
        names = self.student.modalities
        return names[number % len(names)]

    def _rest(self, outputs: Outputs, name: str) -> Tensor:
        """η Σ_{j ≠ m} z_j, without a graph; 0 as long as no modality has boosted."""
        others = [logits for key, logits in outputs.unimodal.items() if key != name]
        rest = torch.stack(others).sum(dim=0).detach()
        rate = self.fusion.rate.detach()
        return rest * rate if self._number else torch.zeros_like(rest)


def phase_length(epochs: int, modalities: int) -> int:
    """4 as published, or fewer so that every modality has two stages of two phases.

    Example:
        >>> [phase_length(epochs, 2) for epochs in (4, 20, 24, 32, 300)]
        [1, 2, 3, 4, 4]
    """
    return max(1, min(4, epochs // (4 * modalities)))
