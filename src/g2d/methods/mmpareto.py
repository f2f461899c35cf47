"""MMPareto: the fused and the unimodal gradient of an encoder, weighed so that both descend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal, get_args

import torch
from torch import Tensor, nn

from g2d.batch import Batch, Outputs
from g2d.methods import gates
from g2d.methods.base import Method, check_choice, check_weight
from g2d.methods.unimodal import unimodal_losses
from g2d.models.fusion.base import Fusion
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from g2d.tasks import Task

Rescale = Literal["per_encoder", "per_tensor"]
Gradients = list[Tensor | None]


class MMPareto(Method):
    """Every encoder descends on the fused loss and on its own unimodal loss at once.

    With g_F and g_u the encoder's gradients of the fused loss and of its unimodal loss,

        g = γ λ d,   d = 2 w g_F + 2 (1 - w) g_u,   λ = max(1, ||g_F + g_u|| / ||d||).

    w is 1/2 where the two agree; in conflict, <g_F, g_u> < 0, it makes d the shortest there is,
    and λ gives back the length that was lost. Heads and fusion take the plain sum.

    Wei and Hu, *MMPareto: Boosting Multimodal Learning with Innocent Unimodal Assistance*,
    ICML 2024 (arXiv 2405.17730).

    Args:
        task: What is to be predicted.
        gamma: γ, the length of an encoder's gradient; the paper's 1.5 makes up for the noise that
            is lost.
        weight: Of the unimodal losses; at 0 and with γ = 1 this is joint training, bit for bit.
        rescale: λ is one number for an encoder, or one for each of its tensors, as in the
            published code; then d need not descend on both losses.
    """

    presets: ClassVar[Mapping[str, Mapping[str, Any]]] = {
        "released": {"rescale": "per_tensor"},
        "off": {"weight": 0.0, "gamma": 1.0},
    }
    scales_gradients = True

    def __init__(
        self,
        task: Task,
        *,
        gamma: float = 1.5,
        weight: float = 1.0,
        rescale: Rescale = "per_encoder",
    ) -> None:
        super().__init__(task)
        check_weight("gamma", gamma, above=0)
        check_weight("weight", weight)
        check_choice("rescale", rescale, get_args(Rescale))
        self.gamma = gamma
        self.weight = weight
        self.rescale: Rescale = rescale
        self._rooms: dict[str, Tensor] = {}

    @classmethod
    def adapt_fusion(cls, fusion: Fusion, **options: Any) -> Fusion:
        """A linear head for each modality beside the fusion, whichever it is; none when off."""
        return fusion if _is_off(**options) else UnimodalHeads(fusion)

    def loss(self, outputs: Outputs, batch: Batch) -> Tensor:
        """The task's, where the method is off.

        Raises:
            UserError: It is not.
        """
        if not _is_off(self.weight, self.gamma):
            raise self._no_single_loss()
        return super().loss(outputs, batch)

    def step(self, *batches: Batch) -> Tensor:
        """Two gradients of the same forward pass, made one for each encoder.

        Returns:
            The mean of the fused loss and the weighted unimodal ones, on their device.
        """
        if _is_off(self.weight, self.gamma):
            return super().step(*batches)
        model = self.loop.model
        parameters = [p for p in model.parameters() if p.requires_grad]
        size = sum(len(batch) for batch in batches)
        total, fused, unimodal = self._gradients(batches[0], len(batches[0]) / size, parameters)
        for batch in batches[1:]:
            loss, more, alone = self._gradients(batch, len(batch) / size, parameters)
            total = total + loss
            fused, unimodal = gates.added(fused, more), gates.added(unimodal, alone)
        place = {parameter: i for i, parameter in enumerate(parameters)}
        for name in model.modalities:
            there = [place[p] for p in model.encoder_parameters(name) if p in place]
            # a tensor that no loss reaches keeps none
            own = [i for i in there if fused[i] is not None or unimodal[i] is not None]
            if own:
                found = self._reconciled(
                    [parameters[i] for i in own],
                    [fused[i] for i in own],
                    [unimodal[i] for i in own],
                    name,
                )
                for i, gradient in zip(own, found, strict=True):
                    fused[i], unimodal[i] = gradient, None
        gates.assign(parameters, gates.added(fused, unimodal))
        self.loop.update()
        return total

    def _gradients(
        self, batch: Batch, share: float, parameters: Sequence[nn.Parameter]
    ) -> tuple[Tensor, Gradients, Gradients]:
        """A batch's part of the loss, of its fused gradients and of its unimodal ones."""
        with self.loop.precision():
            outputs = self.loop.model(batch)
            fused = share * self.task.loss(outputs.logits, batch.target)
            terms = unimodal_losses(self.task, outputs, batch).values()
            unimodal = share * self.weight * torch.stack(list(terms)).sum()
        of_fused = self.loop.gradients(fused, parameters)
        of_unimodal = self.loop.gradients(unimodal, parameters, keep=False)
        return (fused + unimodal).detach(), of_fused, of_unimodal

    def _reconciled(
        self, tensors: Sequence[Tensor], fused: Gradients, unimodal: Gradients, name: str = ""
    ) -> list[Tensor]:
        """γ λ d of an encoder, tensor by tensor; it lives until the next step."""
        sizes = [tensor.numel() for tensor in tensors]
        # copies, so that what follows may write into them
        g_f = _flat(tensors, fused, self._room(f"fused {name}", sum(sizes), tensors[0]))
        g_u = _flat(tensors, unimodal, self._room("unimodal", sum(sizes), tensors[0]))
        products = inner_products(g_f, g_u)
        weight = fused_weight(products)
        parts = g_f.split(sizes), g_u.split(sizes)
        pairs = [(g_f, g_u)] if self.rescale == "per_encoder" else zip(*parts, strict=True)
        for f, u in pairs:
            own = products if f is g_f else inner_products(f, u)
            length = self.gamma * torch.where(products[1] < 0, stretch(own, weight), 1.0)
            f.mul_(2 * weight * length).addcmul_(u, 2 * (1 - weight) * length)
        return [_back(part, tensor) for part, tensor in zip(parts[0], tensors, strict=True)]

    def _room(self, use: str, size: int, like: Tensor) -> Tensor:
        """Memory that is kept: asking for as much anew takes longer than what is done in it."""
        room = self._rooms.get(use)
        if room is None or room.numel() < size or _kind(room) != _kind(like):
            room = self._rooms[use] = torch.empty(size, dtype=like.dtype, device=like.device)
        return room[:size]


def _is_off(weight: float = 1.0, gamma: float = 1.5, **others: Any) -> bool:
    return weight == 0 and gamma == 1


def inner_products(g_f: Tensor, g_u: Tensor) -> Tensor:
    """<g_F, g_F>, <g_F, g_u> and <g_u, g_u> of two flat gradients."""
    return torch.stack([g_f @ g_f, g_f @ g_u, g_u @ g_u])


def fused_weight(products: Tensor) -> Tensor:
    """w: 1/2 in agreement, in conflict that of the shortest convex combination.

    Example:
        >>> g_f, g_u = torch.tensor([1.0, 0.0]), torch.tensor([-1.0, 1.0])
        >>> fused_weight(inner_products(g_f, g_u)), fused_weight(inner_products(g_f, -g_u))
        (tensor(0.6000), tensor(0.5000))
    """
    ff, fu, uu = products
    return torch.where(fu < 0, (uu - fu) / (ff - 2 * fu + uu), 0.5)


def stretch(products: Tensor, weight: Tensor) -> Tensor:
    """λ: how many times longer the sum of the gradients is than d, at least 1.

    It is 0 where the terms of d cancel but for a hundredth of their length: then nothing descends
    on both losses, and what is left of d is no direction to go far in.

    Example:
        >>> g_f, g_u = torch.tensor([2.0, 0.0]), torch.tensor([-1.0, 1.0])
        >>> stretch(inner_products(g_f, g_u), torch.tensor(0.5))
        tensor(1.)
        >>> stretch(inner_products(g_f, -g_f), torch.tensor(0.5))
        tensor(0.)
    """
    ff, fu, uu = products
    terms = 4 * (weight**2 * ff + (1 - weight) ** 2 * uu)
    squared = terms + 8 * weight * (1 - weight) * fu
    ratio = ((ff + 2 * fu + uu) / squared).sqrt().clamp(min=1)
    return torch.where(squared > 1e-4 * terms, ratio, 0.0)


def _kind(tensor: Tensor) -> tuple[torch.dtype, torch.device]:
    return tensor.dtype, tensor.device


def _flat(shapes: Sequence[Tensor], gradients: Gradients, room: Tensor) -> Tensor:
    """One vector; zeros where the loss does not reach."""
    pairs = zip(shapes, gradients, strict=True)
    parts = [
        (torch.zeros_like(p) if g is None else g).permute(_order(p)).reshape(-1) for p, g in pairs
    ]
    return torch.cat(parts, out=room)


def _back(part: Tensor, like: Tensor) -> Tensor:
    """A part of the vector in the shape of a tensor."""
    order = _order(like)
    inverse = sorted(range(len(order)), key=order.__getitem__)
    return part.view([like.shape[i] for i in order]).permute(inverse)


def _order(tensor: Tensor) -> list[int]:
    """Its dimensions as they lie in memory; flattened in another order it would be copied."""
    return sorted(range(tensor.ndim), key=tensor.stride, reverse=True)
