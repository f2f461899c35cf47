"""SMV: a modality that contributes little to a sample learns from it once more, alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.valuation import (
    shapley_values,
    smv_modality_copies,
    smv_sample_copies,
)
from g2d.methods.base import Method, check_weight
from g2d.methods.coalitions import coalition_logits, coalitions
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.tasks import Classification, MultiLabel, Task

Level = Literal["sample", "modality"]


class SampleValuation(Method):
    """Shows samples again with only the modality that adds little to them.

    L = L_F + (1/B) Σ_i Σ_m c_i^m ℓ(z_i({m}), y_i).

    z({m}) is the fused prediction from modality m alone. The value of a set of modalities for a
    sample is its size where the prediction from it is right, else 0; φ_i^m is the Shapley value of
    modality m in sample i, and c_i^m = s max(0, 1 - φ_i^m) the number of copies of the sample in
    which m is alone (`level="sample"`), or c^m = (s/3) max(0, mean of the others' φ - φ^m) for all
    samples (`level="modality"`), φ^m a mean over samples.

    Wei, Feng, Wang and Hu, *Enhancing Multimodal Cooperation via Sample-level Modality Valuation*,
    CVPR 2024 (arXiv 2309.06255).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        level: Whether every sample is valued by itself, or the modalities by a part of them.
        strength: s; 2 gives the numbers of the authors' code.
        warmup: Epochs of joint training before the first valuation.
        every: Epochs from one valuation to the next.
        share: Share of the training data that modalities are valued on (`level="modality"`).

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> task = g2d.Classification(2)
        >>> method = g2d.SampleValuation(student, task)  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"strength": 0.0}}
    tasks: ClassVar[tuple[type[Task], ...]] = (Classification, MultiLabel)
    kept = ("_copies", "_begun")

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        level: Level = "sample",
        strength: float = 2.0,
        warmup: int = 1,
        every: int = 1,
        share: float = 0.2,
    ) -> None:
        super().__init__(student, task)
        check_choice("level", level, get_args(Level))
        check_weight("strength", strength)
        check_weight("warmup", warmup)
        check_weight("every", every, above=0)
        if not 0 < share <= 1:
            raise UserError(f"share must be above 0 and at most 1, got {share}")
        self.level: Level = level
        self.strength = strength
        self.warmup = warmup
        self.every = every
        self.share = share
        self._copies: dict[str, Tensor] = {}

    def begin_epoch(self, epoch: int) -> None:
        """Values the modalities with the model as it is."""
        since = epoch - self.warmup
        due = since >= 0 and since % self.every == 0
        if self.strength and due and epoch != self._begun:
            by_sample = self.level == "sample"
            self._copies = self._by_sample() if by_sample else self._by_modality(epoch)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused loss, and those of the modalities alone, as many times as there are copies."""
        loss = super().objective(outputs, batch)
        for name, copies in self._copies.items():
            # the table lies where the index is, on the CPU
            each = copies[batch.index] if copies.ndim else copies.expand(len(batch))
            weight = each.to(loss.device, non_blocking=True)
            if name in batch.present:
                weight = torch.where(batch.present[name], weight, 0.0)
            with self.precision():
                logits = coalition_logits(self.student, outputs, batch, {name})
            loss = loss + (weight * self.task.losses(logits, batch.target)).mean()
        return loss

    def stage(self) -> str:
        """The epoch's name in records: whether modalities are valued yet."""
        return "resampled" if self._copies else "joint"

    def _by_sample(self) -> dict[str, Tensor]:
        values, _, index = self._values(1.0, 0)
        copies = {}
        for name, value in values.items():
            number = smv_sample_copies(value, self.strength)
            copies[name] = torch.zeros(int(index.max()) + 1).index_put((index,), number)
        return copies

    def _by_modality(self, epoch: int) -> dict[str, Tensor]:
        values, present, _ = self._values(self.share, epoch)
        sums = torch.stack([torch.stack([values[n].sum(), present[n].sum()]) for n in values])
        sums = sum_over_ranks(sums)
        mean = sums[:, 0] / sums[:, 1].clamp(min=1)
        copies = smv_modality_copies(mean, self.strength)
        return dict(zip(values, copies, strict=True))

    def _values(
        self, share: float, seed: int
    ) -> tuple[dict[str, Tensor], dict[str, Tensor], Tensor]:
        """φ of every modality in every sample, whether it is there, and the sample's row."""
        names = self.student.modalities
        values: dict[str, list[Tensor]] = {name: [] for name in names}
        present: dict[str, list[Tensor]] = {name: [] for name in names}
        rows = []
        with self.eval_mode():
            for outputs, batch in self.iter_train(share, seed):
                there = {name: batch.mask(name).to(batch.target.device).float() for name in names}
                for name, value in self._shapley(outputs, batch, there).items():
                    values[name].append(value.cpu())
                    present[name].append(there[name].cpu())
                rows.append(batch.index.cpu())
        return (
            {name: torch.cat(parts) for name, parts in values.items()},
            {name: torch.cat(parts) for name, parts in present.items()},
            torch.cat(rows),
        )

    def _shapley(
        self, outputs: Outputs, batch: Batch, there: Mapping[str, Tensor]
    ) -> dict[str, Tensor]:
        worth = {}
        for coalition in coalitions(self.student.modalities):
            logits = coalition_logits(self.student, outputs, batch, coalition)
            right = self.task.predict(logits) == batch.target
            right = right.float().view(len(batch), -1).mean(dim=1)
            worth[coalition] = right * torch.stack([there[name] for name in coalition]).sum(dim=0)
        return shapley_values(worth)
