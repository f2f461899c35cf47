"""Gradients of every modality on fixed samples, measured without changing the model."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import combinations
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import cosine_similarity

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.gates import gradients
from g2d.methods.unimodal import loss_of_present
from g2d.models.multimodal import MultimodalModel
from g2d.tasks import Task

# Samples of a measurement: enough for the directions, and cheaper than an epoch.
PROBED = 256


class GradientProbe:
    """Measures the gradient norms of each modality and their conflicts, as often as it is called.

    The loss is the task's, whatever loss the method trains with, so that methods can be compared.
    It is measured for the fused prediction and for the unimodal logits of every modality. All
    batches together make one gradient, in which each batch has the weight of its number of samples.
    The model is in eval mode: batch norm uses its running statistics and dropout is off. A
    measurement changes neither weights, their gradients, batch norm, the mode of a module nor the
    random state. A frozen encoder is measured too: its gradient is the one it would have.

    Args:
        model: The student.
        task: Gives the loss.
        batches: The samples, the same at every measurement; 256 training samples are plenty, in
            batches as large as memory takes.

    Raises:
        UserError: There are no batches.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> model = g2d.MultimodalModel(
        ...     {name: torch.nn.Linear(3, 4) for name in widths}, g2d.LateFusion(widths, outputs=2)
        ... )
        >>> batch = g2d.Batch(
        ...     {name: torch.randn(6, 3) for name in widths},
        ...     torch.tensor([0, 1, 0, 1, 0, 1]),
        ...     torch.arange(6),
        ... )
        >>> seen = GradientProbe(model, g2d.Classification(2), [batch])()
        >>> list(seen), list(seen["norm"])
        (['norm', 'own_norm', 'cosine'], ['sound', 'image'])
    """

    def __init__(self, model: MultimodalModel, task: Task, batches: Sequence[Batch]) -> None:
        self.model, self.task, self.batches = model, task, list(batches)
        if not self.batches:
            raise UserError("a gradient probe needs samples, got no batches")

    def __call__(self) -> dict[str, Any]:
        """Measures once.

        Returns:
            Plain values, `None` for what is not defined (the cosine with a gradient of zero) or not
            finite. `norm` of the fused loss's gradient on every encoder, ‖∂L/∂θ_m‖; `own_norm`,
            that of the modality's own loss, ‖∂L_m/∂θ_m‖; `cosine` between the two. Where
            parameters φ of the fusion are reached by the losses of several modalities, also
            `shared`, cos(∂L/∂φ, ∂L_m/∂φ), and `conflict`, cos(∂L_a/∂φ, ∂L_b/∂φ) of every pair,
            under `"a|b"`.
        """
        with _undisturbed(self.model):
            return self._look()

    def _look(self) -> dict[str, Any]:
        names = self.model.modalities
        encoders = {name: _learnable(self.model.encoder_parameters(name)) for name in names}
        head = _learnable(self.model.head_parameters())
        every = [p for group in encoders.values() for p in group] + head
        fused: dict[int, Tensor] = {}
        own: dict[str, dict[int, Tensor]] = {name: {} for name in names}
        total = sum(len(batch) for batch in self.batches)
        having = {n: max(1, sum(_having(batch, n) for batch in self.batches)) for n in names}
        device = next(self.model.parameters()).device

        def add(batch: Batch) -> None:  # whose graph is gone before that of the next is built
            outputs = self.model(batch)
            share = len(batch) / total
            _add(fused, self.task.loss(outputs.logits, batch.target) * share, every)
            for name, logits in outputs.unimodal.items():
                loss = loss_of_present(self.task, logits, batch, name)
                _add(own[name], loss * _having(batch, name) / having[name], encoders[name] + head)

        for batch in self.batches:
            add(batch.to(device))
        found: dict[str, Any] = {"norm": {}, "own_norm": {}, "cosine": {}}
        for name in names:
            joint, alone = _flat(fused, encoders[name]), _flat(own[name], encoders[name])
            found["norm"][name] = _norm(joint)
            found["own_norm"][name] = _norm(alone)
            found["cosine"][name] = _cosine(joint, alone)
        shared = [p for p in head if sum(id(p) in pieces for pieces in own.values()) > 1]
        if shared:
            joint = _flat(fused, shared)
            pulls = {name: _flat(own[name], shared) for name in names}
            found["shared"] = {name: _cosine(joint, pull) for name, pull in pulls.items()}
            found["conflict"] = {
                f"{a}|{b}": _cosine(pulls[a], pulls[b]) for a, b in combinations(names, 2)
            }
        return found


@contextmanager
def _undisturbed(model: nn.Module) -> Iterator[None]:
    """Eval mode with gradients, and afterwards everything as it was."""
    modes = {part: part.training for part in model.modules()}
    device = next(model.parameters()).device
    with (
        torch.random.fork_rng([device] if device.type == "cuda" else []),
        torch.enable_grad(),
        # cuDNN's recurrent layers have no backward pass in eval mode; PyTorch's own have.
        torch.backends.cudnn.flags(enabled=False),
    ):
        model.eval()
        try:
            yield
        finally:
            for part, mode in modes.items():
                part.training = mode


def _having(batch: Batch, name: str) -> int:
    """How many samples have a modality; a loss of present samples is their mean."""
    mask = batch.present.get(name)
    return len(batch) if mask is None else int(mask.sum())


def _learnable(parameters: Sequence[nn.Parameter]) -> list[nn.Parameter]:
    return [p for p in parameters if p.requires_grad]


def _add(sums: dict[int, Tensor], loss: Tensor, parameters: Sequence[nn.Parameter]) -> None:
    """Adds the gradient of a loss, by parameter; of what it does not reach there is none."""
    if not (loss.requires_grad and parameters):
        return
    pieces = gradients(loss, list(parameters))
    for parameter, piece in zip(parameters, pieces, strict=True):
        if piece is not None:
            key = id(parameter)
            sums[key] = sums[key] + piece if key in sums else piece


def _flat(sums: Mapping[int, Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    """One vector; zero where the loss did not reach."""
    pieces = [sums.get(id(p), torch.zeros_like(p)).flatten() for p in parameters]
    return torch.cat(pieces).detach().cpu().double() if pieces else torch.zeros(0).double()


def _norm(vector: Tensor) -> float | None:
    return _finite(vector.norm().item()) if len(vector) else None


def _cosine(a: Tensor, b: Tensor) -> float | None:
    if not (len(a) and a.any() and b.any()):
        return None
    return _finite(cosine_similarity(a / a.norm(), b / b.norm(), dim=0).item())


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
