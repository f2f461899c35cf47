"""Balanced multimodal learning: the gate of the greediest modality is its mean for some steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.functional.gradients import effective_update
from g2d.gates import gradients_of
from g2d.methods.base import Method, check_weight
from g2d.methods.heads.greedy import CrossGates
from g2d.methods.unimodal import unimodal_losses
from g2d.models.fusion.late import LateFusion
from g2d.ranks import sum_over_ranks
from g2d.student.base import Student
from g2d.student.own import OwnStudent
from g2d.tasks import Task


class Greedy(Method):
    """Gates between modalities, at times replaced by their mean: a modality must learn by itself.

    L = Σ_m l(z_m, y), with features that gate each other before the heads (`CrossGates`).

    The conditional learning speed of modality m, of its gate over its own encoder and head, is
    s_m = log10 Σ_t μ_t(θ'_m) / Σ_t μ_t(θ_m), μ(θ) = ||∇θ||² / ||θ||², with θ'_m the parameters of
    m's gate, θ_m those of its encoder and head, over the regular steps t so far. Where
    max_m s_m - min_m s_m > α, the next Q steps re-balance: the gate of the m of the largest s_m
    is its mean so far.

    Wu, Jastrzębski, Cho and Geras, *Characterizing and Overcoming the Greedy Nature of Learning
    in Multi-modal Deep Neural Networks*, ICML 2022 (arXiv 2202.05306).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        tolerance: α.
        window: Q; at 0 this is joint training, bit for bit, without gates.
        warmup: Epochs without re-balancing.
        reduction: The gates' hidden layer is 2/reduction of all features together.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> encoders = {name: torch.nn.Linear(3, 4) for name in widths}
        >>> model = g2d.MultimodalModel(encoders, g2d.LateFusion(widths, outputs=2))
        >>> method = g2d.Greedy(model, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {"off": {"window": 0}}

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        tolerance: float = 0.01,
        window: int = 5,
        warmup: int = 1,
        reduction: float = 4.0,
    ) -> None:
        super().__init__(student, task)
        check_weight("tolerance", tolerance)
        check_weight("window", window)
        check_weight("warmup", warmup)
        check_weight("reduction", reduction, above=0)
        self.tolerance = tolerance
        self.window = window
        self.warmup = warmup
        self.reduction = reduction
        self.epoch = 0
        self._state: dict[str, Tensor] = {}
        self._seen: Tensor | None = None
        self._gate_parameters: list[list[nn.Parameter]] = []
        self._own_parameters: list[list[nn.Parameter]] = []
        if window:
            self._gates = self._bring_gates()
            names = self.student.modalities
            self._gate_parameters = [self._gates.gate_parameters_of(name) for name in names]
            self._own_parameters = [self.student.branch_parameters(name) for name in names]

    def begin_epoch(self, epoch: int) -> None:
        """Ends the warm-up; sets the gates of the first step."""
        self.epoch = epoch
        self._set_gates()

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The sum of the modalities' losses."""
        if not self.window:
            return super().objective(outputs, batch)
        seen = self._gates.seen.values()
        found = torch.cat([*(total for total, _ in seen), torch.stack([n for _, n in seen])])
        self._seen = found if self._seen is None else self._seen + found
        return torch.stack(list(unimodal_losses(self.task, outputs, batch).values())).sum()

    def modify_gradients(self) -> None:
        """Changes no gradient; measures speeds and decides which gates the next step averages."""
        if self._seen is None:
            return
        k = len(self._own_parameters)
        found = sum_over_ranks(self._seen)
        self._seen = None
        state = self._state or {
            "sums": torch.zeros_like(found[:-k]),
            "counts": torch.zeros_like(found[-k:]),
            "told": found.new_zeros(k),
            "own": found.new_zeros(k),
            "left": found.new_zeros((), dtype=torch.int64),
            "who": found.new_zeros((), dtype=torch.int64),
        }
        regular = state["left"] == 0
        gate_speed = state["told"] + torch.where(regular, _updates(self._gate_parameters), 0.0)
        own_speed = state["own"] + torch.where(regular, _updates(self._own_parameters), 0.0)
        speed = torch.log10(gate_speed / own_speed)
        begin = regular & (speed.max() - speed.min() > self.tolerance)
        if self.epoch < self.warmup:
            begin = torch.zeros_like(begin)
        self._state = {
            "sums": state["sums"] + found[:-k],
            "counts": state["counts"] + found[-k:],
            "told": gate_speed,
            "own": own_speed,
            "left": torch.where(begin, self.window, (state["left"] - 1).clamp(min=0)),
            "who": torch.where(begin, speed.argmax(), state["who"]),
        }
        self._set_gates()

    def _set_gates(self) -> None:
        """Sets the gate that is its mean in the next step."""
        if not self._state:
            return
        device = self.student.device
        self._state = {key: value.to(device) for key, value in self._state.items()}
        gates, widths = self._gates, self._gates.widths
        sums = self._state["sums"].split(list(widths.values()))
        counts = self._state["counts"].clamp(min=1)
        rebalancing = self._state["left"] > 0
        gates.means = {
            name: total / count for name, total, count in zip(widths, sums, counts, strict=True)
        }
        gates.averaged = {
            name: rebalancing & (self._state["who"] == place) for place, name in enumerate(widths)
        }

    def _bring_gates(self) -> CrossGates:
        if isinstance(self.student, OwnStudent):
            fusion = self.student.model.fusion
            if not isinstance(fusion, LateFusion | CrossGates):
                raise UserError(
                    "Greedy averages networks that are trained each with its own loss, which is "
                    f"late fusion, got {type(fusion).__name__}; use late fusion"
                )
        return self.student.need_fusion("Greedy", CrossGates, reduction=self.reduction)

    def stage(self) -> str:
        """The epoch's name in records: whether steps may re-balance."""
        return "balancing" if self.window and self.epoch >= self.warmup else "joint"

    def state_dict(self) -> dict[str, Any]:
        """Mean gates, speeds, and where in a window the next step is."""
        return dict(self._state)

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the mean gates and the speeds."""
        self._state = dict(state)


def _updates(groups: list[list[nn.Parameter]]) -> Tensor:
    """μ of every group of parameters, `(k,)`."""
    return torch.stack([effective_update(gradients_of(group), group) for group in groups])
