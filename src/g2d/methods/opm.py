"""OPM: the features of the dominant modality are dropped while the model learns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.masking import opm_drop_rates
from g2d.methods.base import Method, check_weight
from g2d.methods.unimodal import Scores, unimodal_losses
from g2d.models.fusion.base import Present
from g2d.ranks import uniform_over_ranks
from g2d.student.base import Modulation, Student
from g2d.tasks import Task


class OPM(Method):
    """Drops each sample's feature of modality m with the probability q_m before the fusion.

    ρ_m = 1/(k-1) Σ_{j≠m} c_m / c_j compares the scores c (mean confidence in the right answer) of
    a step; for the next one, where ρ_m > 1, q_m = q (1 + λ tanh(ρ_m - 1)), at most 1, else 0.
    Features that stay are divided by 1 - θ, θ = Σ_m d_m q_m / Σ_m d_m.

    On-the-fly Prediction Modulation of Wei, Hu, Du and Wen, *On-the-fly Modulation for Balanced
    Multimodal Learning*, TPAMI 2024 (arXiv 2410.11582).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        drop_rate: q; at 0 this is joint training, bit for bit.
        gain: λ.
        step_rate: Share of the steps in which anything is dropped.
        rescale: Whether features are divided by 1 - θ.
        warmup: Epochs in which nothing is dropped.
        seed: Of the dropping.

    Raises:
        UserError: An option is out of range.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.OPM(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"drop_rate": 0.0},
        "released": {"warmup": 6},
    }
    uncompiled = "draws at random what it changes of the features"

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        drop_rate: float = 0.5,
        gain: float = 0.5,
        step_rate: float = 0.7,
        rescale: bool = True,
        warmup: int = 1,
        seed: int = 0,
    ) -> None:
        super().__init__(student, task)
        for name, value in {"drop_rate": drop_rate, "step_rate": step_rate}.items():
            if not 0 <= value <= 1:
                raise UserError(f"{name} must be between 0 and 1, got {value}")
        check_weight("gain", gain)
        check_weight("warmup", warmup)
        self.drop_rate = drop_rate
        self.gain = gain
        self.step_rate = step_rate
        self.rescale = rescale
        self.warmup = warmup
        self.scores = Scores(task)
        self.generator = torch.Generator().manual_seed(seed)
        self.epoch = 0
        self.rates: dict[str, Tensor] = {}
        self._now: dict[str, Tensor] | None = None
        # Samples of this step, as far as they are known, and the noise of those still to come.
        self._size = 0
        self._noise = torch.empty(1, 0)
        if drop_rate:
            self.student.need_unimodal_logits(task.outputs, detached=True)

    @property
    def dropping(self) -> bool:
        """Whether features are dropped in this epoch."""
        return self.drop_rate > 0 and self.epoch >= self.warmup

    def begin_epoch(self, epoch: int) -> None:
        """Sets the epoch, and ends the last step of the one before."""
        self.epoch = epoch
        self._end_step()

    def on_step_start(self, *batches: Batch) -> None:
        """Counts the samples, so that the noise of all batches is that of one with all of them."""
        self._size = sum(len(batch) for batch in batches)

    def modulation(self) -> Modulation | None:
        """The function that drops features, once the warm-up is over."""
        return self.drop if self.drop_rate else None

    def drop(
        self, widths: Mapping[str, int], size: int, present: Present | None = None
    ) -> dict[str, Tensor]:
        """Factors `(B, 1)`, zero where a feature is dropped.

        A sample that would be left with no modality at all keeps what it has.
        """
        if self._now is None:
            self._now = self._rates_of_step()
        if not self._now:
            return {}
        keep, left = {}, []
        for name, noise in zip(sorted(widths), self._noise_of(len(widths), size), strict=True):
            keep[name] = noise.to(self.student.device, non_blocking=True) >= self._now[name]
            mask = (present or {}).get(name)
            left.append(keep[name] if mask is None else keep[name] & mask)
        bare = ~torch.stack(left).any(dim=0)
        share = torch.stack([self._now[name] * width for name, width in widths.items()]).sum()
        scale = 1 / (1 - share / sum(widths.values())) if self.rescale else share.new_ones(())
        return {name: ((keep[name] | bare) * scale)[:, None] for name in widths}

    def _noise_of(self, k: int, size: int) -> Tensor:
        """The noise of the next samples of the step, `(k, B)`."""
        if self._noise.shape[1] < size:
            ahead, self._size = max(self._size, size), 0
            self._noise = torch.stack([uniform_over_ranks(ahead, self.generator) for _ in range(k)])
        noise, self._noise = self._noise[:, :size], self._noise[:, size:]
        return noise

    def _end_step(self) -> None:
        self._now, self._size, self._noise = None, 0, torch.empty(1, 0)

    def _rates_of_step(self) -> dict[str, Tensor]:
        """The rates of this step, from the scores of the step before; none where nothing drops."""
        if not (self.dropping and self.rates):
            return {}
        here = torch.rand((), generator=self.generator) < self.step_rate
        device = self.student.device
        return {
            name: rate.to(device) * here.to(device, non_blocking=True)
            for name, rate in self.rates.items()
        }

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss of what is left; beside other fusions heads learn to watch."""
        loss = super().objective(outputs, batch)
        if not self.drop_rate:
            return loss
        self.scores.add(outputs, batch)
        if self.student.added_heads is not None:
            watching = unimodal_losses(self.task, outputs, batch)
            loss = loss + torch.stack(list(watching.values())).sum()
        return loss

    def modify_gradients(self) -> None:
        """Changes no gradient; sets the rates for the next step."""
        self._end_step()
        if self.drop_rate:
            self.rates = drop_rates(self.scores.read(), self.drop_rate, self.gain)

    def stage(self) -> str:
        """The epoch's name in records: whether features are dropped."""
        return "dropping" if self.dropping else "joint"

    def state_dict(self) -> dict[str, Any]:
        """The rates for the next step and the state of the noise."""
        return {"rates": self.rates, "generator": self.generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the drop rates and the random generator."""
        self.rates = dict(state["rates"])
        self.generator.set_state(state["generator"])


def drop_rates(scores: Mapping[str, Tensor], drop_rate: float, gain: float) -> dict[str, Tensor]:
    """q_m of every modality, by name."""
    rates = opm_drop_rates(torch.stack(list(scores.values())), drop_rate, gain)
    return dict(zip(scores, rates, strict=True))
