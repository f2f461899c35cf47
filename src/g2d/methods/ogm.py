"""OGM and OGM-GE: the gradient of the modality that is ahead is scaled down, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.modulation import Ratio, ogm_coefficients
from g2d.gates import freeze, scale, scale_with_noise
from g2d.methods.base import Method, check_weight
from g2d.methods.loop import Loop
from g2d.methods.suppression import convolutions
from g2d.methods.unimodal import Scores, unimodal_losses
from g2d.methods.window import check_window, in_window
from g2d.student.base import Student
from g2d.tasks import Task

Scope = Literal["encoder", "conv4d"]


class OGM(Method):
    """Scales down the gradient of the dominant modality in each step; with `noise=True`, OGM-GE.

    g_m ← κ_m g_m, and with the noise of GE g_m ← κ_m g_m + N(0, std(g_m)²).

    κ_m = 1 - tanh(α ρ_m) where ρ_m > 1, else 1; ρ_m is the confidence of the modality's own
    logits in the right answer over that of the others. Peng et al., *Balanced Multimodal Learning
    via On-the-fly Gradient Modulation*, CVPR 2022 (arXiv 2203.15332). Adam divides a scaled
    gradient by its own size: train with SGD.

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        noise: GE, generalization enhancement: noise as large as the gradient, for the encoders of
            all modalities.
        alpha: How strongly; at 0 and without noise this is joint training, bit for bit.
        window: The epochs in which gradients are modulated, `[start, end)`: shares of the
            training where the end is at most 1, else epochs.
        modulated: What is modulated: the whole `"encoder"`, with noise for its tensors of two
            dimensions or more, or its convolutions alone, as in the published code.
        ratio: To the others: the `"mean"` of the ratios to each, or the ratio to the weakest.
        seed: Of the noise.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.OGM(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "off": {"window": (0.0, 0.0)},
        "released": {"modulated": "conv4d"},
    }
    scales_gradients = True

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        noise: bool = False,
        alpha: float = 0.3,
        window: tuple[float, float] = (0.0, 0.5),
        modulated: Scope = "encoder",
        ratio: Ratio = "mean",
        seed: int = 0,
    ) -> None:
        super().__init__(student, task)
        check_weight("alpha", alpha)
        check_window(window)
        check_choice("modulated", modulated, get_args(Scope))
        check_choice("ratio", ratio, get_args(Ratio))
        self.noise = noise
        self.alpha = alpha
        self.window = window
        self.modulated: Scope = modulated
        self.ratio: Ratio = ratio
        self.seed = seed
        self._modulating = self._watching = False
        self._scores = Scores(task)
        self._generator: torch.Generator | None = None
        self._buffer = torch.empty(0)
        self.student.need_unimodal_logits(task.outputs, detached=True)

    def on_fit_start(self, loop: Loop) -> None:
        """Finds what is to be modulated, and makes the random generator of the noise.

        Raises:
            UserError: What is modulated is the convolutions, and there are none.
        """
        super().on_fit_start(loop)
        scoped = [p for name in self.student.modalities for p in self._scoped(name)]
        if not scoped:
            raise UserError(
                "modulated: conv4d is two-dimensional convolutions alone, and the encoders have "
                "none; use encoder"
            )
        self._generator = torch.Generator(self.student.device).manual_seed(self.seed)
        if self.noise:
            self._buffer = torch.empty_like(max(scoped, key=torch.numel)).flatten()

    def begin_epoch(self, epoch: int) -> None:
        """Checks whether the epoch is in the window, or before it."""
        acts, end = self.alpha > 0 or self.noise, self.window[1]
        self._modulating = acts and in_window(self.window, epoch, self.loop.epochs)
        self._watching = acts and in_window((0.0, end), epoch, self.loop.epochs)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's; heads that only watch are trained beside it."""
        loss = super().objective(outputs, batch)
        if self._modulating:
            self._scores.add(outputs, batch)
        if self._watching and self.student.added_heads is not None:
            losses = unimodal_losses(self.task, outputs, batch)
            loss = loss + torch.stack(list(losses.values())).sum()
        return loss

    def modify_gradients(self) -> None:
        """Scales every encoder's gradient, and adds the noise."""
        heads = self.student.added_heads
        if not self._watching and heads is not None:
            # Among several processes they have gradients of zero, which momentum would go on from.
            freeze(heads.parameters())
        if not self._modulating:
            return
        factors = modulation(self._scores.read(), self.alpha, self.ratio)
        # By name, so that the order of declaration does not decide who gets which noise.
        for name in sorted(factors):
            for parameter in self._scoped(name):
                if self.noise and min(parameter.ndim, parameter.numel()) > 1:
                    # Gradients agree between processes, and so does the noise: one seed for all.
                    scale_with_noise(
                        [parameter], factors[name], self._room(parameter), self._generator
                    )
                else:
                    scale([parameter], factors[name])

    def stage(self) -> str:
        """Whether this epoch's gradients are modulated."""
        return "modulated" if self._modulating else "joint"

    def state_dict(self) -> dict[str, Any]:
        """The state of the noise, which belongs to a kind of device."""
        if self._generator is None:
            return {}
        return {"device": self._generator.device.type, "noise": self._generator.get_state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restores the noise; it begins anew on another kind of device."""
        if self._generator is not None and state.get("device") == self._generator.device.type:
            self._generator.set_state(state["noise"])

    def _room(self, parameter: nn.Parameter) -> Tensor:
        """Where its noise is drawn; more is made where its owner has unfrozen a larger one."""
        if self._buffer.numel() < parameter.numel():
            self._buffer = torch.empty_like(parameter).flatten()
        return self._buffer

    def _scoped(self, name: str) -> list[nn.Parameter]:
        parameters = self.student.encoder_parameters(name)
        return parameters if self.modulated == "encoder" else convolutions(parameters)


def modulation(
    scores: Mapping[str, Tensor], alpha: float, ratio: Ratio = "mean"
) -> dict[str, Tensor]:
    """κ of every modality, by name."""
    factors = ogm_coefficients(torch.stack(list(scores.values())), alpha, ratio)
    return dict(zip(scores, factors, strict=True))
