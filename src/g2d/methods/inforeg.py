"""InfoReg: while information is taken in fast, the encoder that is ahead is held to its weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.inforeg import inforeg_gaps, inforeg_strength, inforeg_window
from g2d.methods.base import Method, check_weight
from g2d.methods.unimodal import Scores, unimodal_losses
from g2d.student.base import Student
from g2d.tasks import Task

Score = Literal["loss", "confidence"]


class InfoReg(Method):
    """Holds back the encoders that are ahead while they learn fast.

    Adds P_m = (α_m / 2) ‖w_m - w_m'‖² to the loss, w_m' the weights at the end of last epoch.

    Only for encoders m that are ahead, Δ_m > 0, and in their prime learning window:

        Tr(F_m) = mean over the steps of an epoch of ‖∂L/∂w_m‖²,   (Tr - Tr') / Tr > K,
        s_m = -ℓ(z_m, y),   Δ_m = mean over j with s_j < s_m of (s_m - s_j),
        α_m = strength exp(β tanh Δ_m),

    Tr and Tr' being those of the last epoch and of the one before it. Huang, Wei, Yang and Hu,
    *Adaptive Unimodal Regulation for Balanced Multimodal Information Acquisition*, CVPR 2025
    (arXiv 2503.18595), Eq. 7 to 12 and 16. The term acts on the gradient; `loss` is without it.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        beta: β, how much more an encoder is held that is far ahead.
        threshold: K, the growth of Tr(F) above which an epoch belongs to the window.
        strength: Of all α; at 0, with `gamma` at 0, this is joint training, bit for bit.
        gamma: Weight of the unimodal losses; 1 is what the paper calls InfoReg*.
        score: s_m: the `"loss"`, its sign changed, or the `"confidence"` in the right answer summed
            over the step, as in the published code.
        smoothing: Epochs over which Tr(F) is averaged.
        first: The first epoch that can be regulated, from 0.

    Raises:
        UserError: An option is out of range.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.InfoReg(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "released": {
            "beta": 1.0,
            "threshold": 0.05,
            "strength": 0.95,
            "gamma": 1.0,
            "score": "confidence",
            "smoothing": 10,
            "first": 0,
        },
        "off": {"strength": 0.0, "gamma": 0.0},
    }

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        beta: float = 0.9,
        threshold: float = 0.04,
        strength: float = 1.0,
        gamma: float = 0.0,
        score: Score = "loss",
        smoothing: int = 1,
        first: int = 2,
    ) -> None:
        super().__init__(student, task)
        weights = {"beta": beta, "threshold": threshold, "strength": strength, "gamma": gamma}
        for name, value in {**weights, "first": first}.items():
            check_weight(name, value)
        if smoothing < 1:
            raise UserError(f"smoothing must be 1 epoch or more, got {smoothing}")
        check_choice("score", score, get_args(Score))
        self.beta = beta
        self.threshold = threshold
        self.strength = strength
        self.gamma = gamma
        self.score: Score = score
        self.smoothing = smoothing
        self.first = first
        self._scores = Scores(task, (lambda z, y: -task.losses(z, y)) if score == "loss" else None)
        # Tr(F) of the latest epochs, in the order of the modalities, and that of this one so far.
        self._traces: list[list[float]] = []
        self._sum = torch.zeros(len(self.student.modalities))
        self._steps = 0
        self._anchors: dict[str, list[Tensor]] = {}
        if strength or gamma:
            self.student.need_unimodal_logits(task.outputs, detached=not gamma)

    def begin_epoch(self, epoch: int) -> None:
        """Ends the epoch before: its Tr(F) decides which modalities are in the window."""
        if epoch == self._begun:
            return
        if self._steps:
            self._traces.append((self._sum / self._steps).tolist())
            self._traces = self._traces[-self.smoothing - 1 :]
            self._sum, self._steps = torch.zeros_like(self._sum), 0
        self._anchors = {}
        if not self.strength or epoch < self.first:
            return
        for place, name in enumerate(self.student.modalities):
            history = [traces[place] for traces in self._traces]
            if inforeg_window(history, self.threshold, self.smoothing):
                parameters = self.student.encoder_parameters(name)
                self._anchors[name] = [each.detach().clone() for each in parameters]

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's loss and the unimodal losses; heads that only watch are trained by them."""
        loss = super().objective(outputs, batch)
        if self._anchors:
            self._scores.add(outputs, batch)
        watching = self.strength > 0 and self.student.added_heads is not None
        if self.gamma or watching:
            unimodal = unimodal_losses(self.task, outputs, batch)
            loss = loss + (self.gamma or 1.0) * torch.stack(list(unimodal.values())).sum()
        return loss

    def modify_gradients(self) -> None:
        """Takes in Tr(F), then adds the gradient of P_m."""
        if not self.strength:
            return
        encoders = {name: self.student.encoder_parameters(name) for name in self.student.modalities}
        squares = torch.stack([gates.squared_norm(each) for each in encoders.values()])
        self._sum = self._sum.to(squares.device) + squares
        self._steps += 1
        if not self._anchors:
            return
        alphas = dict(zip(encoders, self._alphas(), strict=True))
        for name, anchor in self._anchors.items():
            gates.pull(encoders[name], anchor, alphas[name])

    def stage(self) -> str:
        """Whether any encoder is in its prime learning window."""
        return "prime learning window" if self._anchors else "joint"

    def state_dict(self) -> dict[str, Any]:
        """Tr(F), in the declared order of the modalities, and what holds encoders in this epoch."""
        state = {"traces": self._traces, "sum": self._sum, "steps": self._steps}
        return {**state, "anchors": dict(self._anchors), "begun": self._begun}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores Tr(F) and the anchors."""
        self._traces, self._steps = [list(each) for each in state["traces"]], state["steps"]
        self._begun, device = state.get("begun"), self.student.device
        self._sum = state["sum"].to(device)
        anchors = state.get("anchors", {})
        self._anchors = {name: [each.to(device) for each in anchors[name]] for name in anchors}

    def _alphas(self) -> Tensor:
        """α `(k,)` of this step, 0 for who is not ahead."""
        sums = self._scores.read_sums()
        pairs = [sums[name] for name in self.student.modalities]
        scores = torch.stack([total / count for total, count in pairs])
        if self.score == "confidence":
            scores = scores * torch.stack([count for _, count in pairs])
        return self.strength * inforeg_strength(inforeg_gaps(scores), self.beta)
