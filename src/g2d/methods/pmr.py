"""PMR: class prototypes in each modality's feature space help the modality that is behind."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.present import mean_over_present, sum_over_present
from g2d.functional.prototypes import pmr_coefficients, pmr_log_probabilities
from g2d.methods.base import Method, check_weight
from g2d.methods.parts import weighed
from g2d.methods.window import check_window, in_window
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, Task

Variant = Literal["paper", "released"]


class PMR(Method):
    """Pulls the weaker modality to its class prototypes, and slows the dominant one.

    L = task loss + α Σ_m β_m L_PCE^m - μ max_m β_m H(q_m*).

    q_m = softmax over classes of minus the distance of a feature to the modality's class
    prototypes; L_PCE^m is its cross-entropy, S_m its mean probability of the right class, H its
    entropy, m* the modality with the largest S. β_m = clip(S_m* / S_m - 1, 0, 1). Fan et al.,
    *PMR: Prototypical Modal Rebalance for Multimodal Learning*, CVPR 2023 (arXiv 2211.07089).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted; it has to be one class of several.
        alpha: α; with `entropy` at 0 as well this is joint training, bit for bit.
        entropy: μ, how strongly the modality ahead is slowed.
        entropy_epochs: The first epochs, in which it is.
        momentum: ε, the share of the old prototypes in the new.
        share: Of the training data, what prototypes are the class means of, anew every epoch.
        window: The epochs in which all this acts, `[start, end)`: shares of the training where
            the end is at most 1, else epochs.
        variant: `"released"` takes 1 for every β above 0, and no entropy.
        seed: Of the share.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.PMR(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"alpha": 0.0, "entropy": 0.0},
        "released": {"variant": "released"},
    }
    tasks = (Classification,)

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        alpha: float = 1.0,
        entropy: float = 0.01,
        entropy_epochs: int = 5,
        momentum: float = 0.2,
        share: float = 0.1,
        window: tuple[float, float] = (0.0, 1.0),
        variant: Variant = "paper",
        seed: int = 0,
    ) -> None:
        super().__init__(student, task)
        check_weight("alpha", alpha)
        check_weight("entropy", entropy)
        check_weight("entropy_epochs", entropy_epochs)
        if not 0 <= momentum < 1:
            raise UserError(f"momentum must be 0 or more and below 1, got {momentum}")
        if not 0 < share <= 1:
            raise UserError(f"share must be above 0 and at most 1, got {share}")
        check_window(window)
        check_choice("variant", variant, get_args(Variant))
        self.alpha = alpha
        self.entropy = entropy if variant == "paper" else 0.0
        self.entropy_epochs = entropy_epochs
        self.momentum = momentum
        self.share = share
        self.window = window
        self.variant: Variant = variant
        self.seed = seed
        self._acting = self._slowing = False
        self._prototypes: dict[str, Tensor] = {}
        self._seen: dict[str, Tensor] = {}

    def begin_epoch(self, epoch: int) -> None:
        """Moves the prototypes to where the classes are now."""
        self._slowing = self.entropy > 0 and epoch < self.entropy_epochs
        wanted = self.alpha > 0 or self._slowing
        self._acting = wanted and in_window(self.window, epoch, self.loop.epochs)
        if self._acting and epoch != self._begun:
            self._move_prototypes(epoch)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's, the modality behind pulled to its prototypes, the one ahead slowed."""
        loss = super().objective(outputs, batch)
        if not self._acting:
            return loss
        log_q = {name: self._log_q(outputs.features[name], name) for name in self._prototypes}
        behind, ahead = self._coefficients(log_q, batch)
        pulls, spread = [], []
        for name, q in log_q.items():
            far = F.nll_loss(q, batch.target, reduction="none")
            pull = mean_over_present(far, self._taught(batch, name))
            pulls.append(weighed(pull, batch, name))
            entropy = mean_over_present(-(q.exp() * q).sum(dim=1), batch.present.get(name))
            spread.append(weighed(entropy, batch, name))
        if self.alpha:
            loss = loss + self.alpha * (behind * torch.stack(pulls)).sum()
        if self._slowing:
            loss = loss - self.entropy * behind.amax() * (ahead * torch.stack(spread)).sum()
        return loss

    def stage(self) -> str:
        """The epoch's name in records: what acts in it."""
        if not self._acting:
            return "joint"
        return "rebalanced, slowed" if self._slowing else "rebalanced"

    def state_dict(self) -> dict[str, Any]:
        """The prototypes, and which classes have one."""
        state = {"prototypes": dict(self._prototypes), "seen": dict(self._seen)}
        return {**state, "begun": self._begun}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the prototypes."""
        device, self._begun = self.student.device, state.get("begun")
        self._prototypes = {name: value.to(device) for name, value in state["prototypes"].items()}
        self._seen = {name: value.to(device) for name, value in state["seen"].items()}

    def _move_prototypes(self, epoch: int) -> None:
        classes = self.task.outputs
        sums: dict[str, Tensor] = {}
        counts: dict[str, Tensor] = {}
        with self.eval_mode():
            for outputs, batch in self.iter_train(self.share, 1000 * self.seed + epoch):
                for name in self.student.modalities:
                    feature = outputs.features[name].float()
                    mask = batch.present.get(name)
                    there = feature.new_ones(len(batch)) if mask is None else mask.to(feature)
                    values = torch.where(there[:, None] > 0, feature, 0.0)
                    zeros = feature.new_zeros(classes, feature.shape[1])
                    total = zeros.index_add(0, batch.target, values)
                    count = zeros[:, 0].index_add(0, batch.target, there)
                    sums[name] = sums.get(name, 0.0) + total
                    counts[name] = counts.get(name, 0.0) + count
        for name in sums:
            # Each process reads the same samples, yet batch norm may have its own statistics.
            count = sum_over_ranks(counts[name])[:, None]
            mean = sum_over_ranks(sums[name]) / count.clamp(min=1)
            old, seen = self._prototypes.get(name, mean), self._seen.get(name, count < 0)
            moved = torch.where(seen, self.momentum * old + (1 - self.momentum) * mean, mean)
            self._prototypes[name] = torch.where(count > 0, moved, old)
            self._seen[name] = seen | (count > 0)

    def _log_q(self, feature: Tensor, name: str) -> Tensor:
        """Log q_m; a class without a prototype has no probability."""
        known = self._seen[name].squeeze(1)
        return pmr_log_probabilities(feature, self._prototypes[name], known)

    def _taught(self, batch: Batch, name: str) -> Tensor:
        """Which samples have the modality, and a class that has a prototype."""
        taught = self._seen[name].squeeze(1)[batch.target]
        mask = batch.present.get(name)
        return taught if mask is None else taught & mask

    def _coefficients(self, log_q: Mapping[str, Tensor], batch: Batch) -> tuple[Tensor, Tensor]:
        """β of every modality, and the share of each in being the one ahead."""
        pairs = []
        for name, q in log_q.items():
            mask = self._taught(batch, name)
            right = q.detach().gather(1, batch.target[:, None]).squeeze(1).exp()
            pairs.append(sum_over_present(right, mask))
        sums = sum_over_ranks(torch.stack(pairs))
        # nan for a modality that no sample has
        return pmr_coefficients(sums[:, 0] / sums[:, 1], self.variant == "released")
