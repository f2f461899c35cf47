"""MMPareto: the fused and the unimodal gradient of an encoder, weighed so that both descend."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError, check_choice
from g2d.functional.gradients import mmpareto_gradient, mmpareto_products
from g2d.methods.base import Method, check_weight
from g2d.methods.checks import is_off
from g2d.methods.unimodal import unimodal_losses
from g2d.ranks import mean_over_ranks
from g2d.student.base import Student
from g2d.tasks import Task

Rescale = Literal["per_encoder", "per_tensor"]
Gradients = list[Tensor | None]
# A factor of the loss that only a gradient scaler has, which begins at 65536.
_SCALED = 256


class MMPareto(Method):
    """Every encoder descends on the fused loss and on its own unimodal loss at once.

    With g_F and g_u the encoder's gradients of the fused loss and of its unimodal loss,

        g = γ λ d,   d = 2 w g_F + 2 (1 - w) g_u,   λ = max(1, ||g_F + g_u|| / ||d||).

    w is 1/2 where the two agree; in conflict, <g_F, g_u> < 0, it makes d the shortest there is,
    and λ gives back the length that was lost. Heads and fusion take the plain sum.

    Wei and Hu, *MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance*,
    ICML 2024 (arXiv 2405.17730).

    Args:
        student: What `g2d.attach` returned, or a `g2d.MultimodalModel`.
        task: What is to be predicted.
        gamma: γ, the length of an encoder's gradient; the paper's 1.5 makes up for the noise that
            is lost.
        weight: Of the unimodal losses; at 0 and with γ = 1 this is joint training, bit for bit.
        rescale: λ is one number for an encoder, or one for each of its tensors, as in the
            published code; then d need not descend on both losses.

    Example:
        >>> import torch, g2d
        >>> net = torch.nn.ModuleDict({name: torch.nn.Linear(3, 4) for name in ("sound", "image")})
        >>> student = g2d.attach(net, dict(net))
        >>> method = g2d.MMPareto(student, g2d.Classification(2))  # then the loop of `g2d.Method`
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "released": {"rescale": "per_tensor"},
        "off": {"weight": 0.0, "gamma": 1.0},
    }
    scales_gradients = True
    one_loss = False

    def __init__(
        self,
        student: Student | nn.Module,
        task: Task,
        *,
        gamma: float = 1.5,
        weight: float = 1.0,
        rescale: Rescale = "per_encoder",
    ) -> None:
        super().__init__(student, task)
        check_weight("gamma", gamma, above=0)
        check_weight("weight", weight)
        check_choice("rescale", rescale, get_args(Rescale))
        self.gamma = gamma
        self.weight = weight
        self.rescale: Rescale = rescale
        self._buffer = torch.empty(0)
        self._unimodal: Gradients | None = None
        self._factor: Tensor | None = None
        self._checked = False
        self._parameters: list[nn.Parameter] = []
        self._off = is_off(self, self.presets)
        if not self._off:
            self.student.need_unimodal_logits(task.outputs, own=True)

    def objective(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The fused loss and the weighted unimodal ones.

        The gradients of the latter are taken here, apart, and the loss is such that `backward`
        gives those of the former; a factor on the loss reaches both.

        Raises:
            UserError: The logits are float16, and gradients of these need a scaler.
        """
        fused = super().objective(outputs, batch)
        if self._off:
            return fused
        tensors = (outputs.logits, *outputs.features.values())
        if any(one.dtype is torch.float16 for one in tensors):
            raise UserError(
                "MMPareto takes a gradient of its own, which a GradScaler cannot unscale; got "
                "float16, expected bfloat16 or float32"
            )
        terms = unimodal_losses(self.task, outputs, batch).values()
        unimodal = self.weight * torch.stack(list(terms)).sum()
        if not unimodal.requires_grad:
            return fused + unimodal
        if all(gradient is None for gradient in gates.gradients_of(self._parameters)):
            self._unimodal = None  # of a pass that the loop did not step on
        # asked for once a batch: to walk through the modules of a small model takes as long as it
        self._parameters = [p for p in self.student.parameters() if p.requires_grad]
        found = list(gates.gradients(unimodal, self._parameters))
        apart: Callable[..., Tensor] = _Apart.apply
        return apart(fused, unimodal.detach(), partial(self._add, found))

    def modify_gradients(self) -> None:
        """Makes one gradient of two for each encoder; adds them for all else.

        Raises:
            UserError: The first loss was scaled as a scaler does it, which is not undone for both.
        """
        if self._unimodal is None:
            return
        if self._factor is not None and not self._checked:
            self._checked = True  # once: to read it in every step would wait for the device
            if (factor := self._factor.item()) >= _SCALED:
                raise UserError(
                    f"MMPareto takes a gradient of its own, which a GradScaler cannot unscale; got "
                    f"a loss multiplied by {factor:g}, expected a factor below {_SCALED}; leave "
                    "the scaler out, bfloat16 and float32 need none"
                )
        parameters = self._parameters
        fused = gates.gradients_of(parameters)
        unimodal, self._unimodal = mean_over_ranks(self._unimodal), None
        place = {parameter: i for i, parameter in enumerate(parameters)}
        for name in self.student.modalities:
            there = [place[p] for p in self.student.encoder_parameters(name) if p in place]
            # a tensor that no loss reaches keeps none
            own = [i for i in there if fused[i] is not None or unimodal[i] is not None]
            if own:
                found = self._reconciled(
                    [parameters[i] for i in own],
                    [fused[i] for i in own],
                    [unimodal[i] for i in own],
                )
                for i, gradient in zip(own, found, strict=True):
                    fused[i], unimodal[i] = gradient, None
        gates.assign(parameters, gates.added(fused, unimodal))

    def _add(self, gradients: Gradients, factor: Tensor) -> None:
        """Adds a batch's unimodal gradients, times the factor that its loss has been given."""
        for gradient in gradients:
            if gradient is not None:
                gradient.mul_(factor)  # no other code holds it
        self._factor = factor.detach()
        before = self._unimodal
        self._unimodal = gradients if before is None else gates.added(before, gradients)

    def _reconciled(
        self, tensors: Sequence[Tensor], fused: Gradients, unimodal: Gradients
    ) -> list[Tensor]:
        """γ λ d of an encoder, tensor by tensor."""
        sizes = [tensor.numel() for tensor in tensors]
        # copies, so that what follows may write into them; the first becomes the gradients, which
        # whoever keeps them finds unchanged
        g_f = _flat(tensors, fused)
        g_u = _flat(tensors, unimodal, self._room(sum(sizes), tensors[0]))
        parts = g_f.split(sizes), g_u.split(sizes)
        if self.rescale == "per_encoder":
            mmpareto_gradient(g_f, g_u, self.gamma, out=g_f)
        else:
            whole = mmpareto_products(g_f, g_u)
            for f, u in zip(*parts, strict=True):
                mmpareto_gradient(f, u, self.gamma, whole, out=f)
        return [_back(part, tensor) for part, tensor in zip(parts[0], tensors, strict=True)]

    def _room(self, size: int, like: Tensor) -> Tensor:
        """Memory that is kept: asking for as much anew takes longer than what is done in it."""
        if self._buffer.numel() < size or _kind(self._buffer) != _kind(like):
            self._buffer = torch.empty(size, dtype=like.dtype, device=like.device)
        return self._buffer[:size]


class _Apart(torch.autograd.Function):
    """Adds a value, keeps its gradients apart, and reports the factor of the sum."""

    @staticmethod
    def forward(ctx: Any, loss: Tensor, value: Tensor, report: Callable[[Tensor], None]) -> Tensor:
        ctx.report = report
        return loss + value

    @staticmethod
    def backward(ctx: Any, factor: Tensor) -> tuple[Tensor, None, None]:
        ctx.report(factor)
        return factor, None, None


def _kind(tensor: Tensor) -> tuple[torch.dtype, torch.device]:
    return tensor.dtype, tensor.device


def _flat(shapes: Sequence[Tensor], gradients: Gradients, buffer: Tensor | None = None) -> Tensor:
    """One vector; zeros where the loss does not reach."""
    pairs = zip(shapes, gradients, strict=True)
    parts = [
        (torch.zeros_like(p) if g is None else g).permute(_order(p)).reshape(-1) for p, g in pairs
    ]
    return torch.cat(parts, out=buffer)


def _back(part: Tensor, like: Tensor) -> Tensor:
    """A part of the vector in the shape of a tensor."""
    order = _order(like)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return part.view([like.shape[i] for i in order]).permute(inverse)


def _order(tensor: Tensor) -> list[int]:
    """Its dimensions as they lie in memory; flattened in another order it would be copied."""
    return sorted(range(tensor.ndim), key=tensor.stride, reverse=True)
