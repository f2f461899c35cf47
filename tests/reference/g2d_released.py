"""The released code's training step once more, written from a description of it.

Two modalities, named audio and video. Networks are spelled out over a dictionary of parameters; so
are the five fusions of the release, the losses, the confidence, the gate and SGD. Nothing of the
package is used here.

The gate: of every batch, the modality whose teacher is the more confident has the gradients of its
weights of four dimensions multiplied by zero. Nothing else of it is held: its batch norm learns,
and momentum and weight decay move all its weights. The window of epochs, counted from 0, has both
its ends.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

Params = dict[str, Tensor]
AUDIO, VIDEO = "audio", "video"


def log_softmax(rows: Tensor) -> Tensor:
    shifted = rows - rows.max(dim=1, keepdim=True).values.detach()
    return shifted - torch.log(torch.exp(shifted).sum(dim=1, keepdim=True))


def encode(p: Mapping[str, Tensor], key: str, x: Tensor, training: bool) -> Tensor:
    """Convolution, batch norm, ReLU, convolution, mean over the map."""
    x = torch.nn.functional.conv2d(x, p[f"{key}.0.weight"])
    if training:
        mean = x.mean(dim=(0, 2, 3))
        variance = ((x - mean[:, None, None]) ** 2).mean(dim=(0, 2, 3))
    else:
        mean, variance = p[f"{key}.1.running_mean"], p[f"{key}.1.running_var"]
    x = (x - mean[:, None, None]) / torch.sqrt(variance[:, None, None] + 1e-5)
    x = x * p[f"{key}.1.weight"][:, None, None] + p[f"{key}.1.bias"][:, None, None]
    x = torch.nn.functional.conv2d(torch.relu(x), p[f"{key}.3.weight"])
    return x.mean(dim=(2, 3))


def linear(p: Mapping[str, Tensor], key: str, x: Tensor) -> Tensor:
    return x @ p[f"{key}.weight"].T + p[f"{key}.bias"]


def fuse(kind: str, p: Params, audio: Tensor, video: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The logits, and what the release hands on as the features of both."""
    if kind in ("late", "sum"):
        total = linear(p, "fusion.heads.audio", audio) + linear(p, "fusion.heads.video", video)
        return (total / 2 if kind == "late" else total), audio, video
    if kind == "concat":  # in which order is the same function, with columns in another place
        return linear(p, "fusion.head", torch.cat([video, audio], dim=1)), audio, video
    if kind == "film":  # audio scales and shifts video; the scale is not around one
        scale, shift = linear(p, "fusion.conditioners.audio", audio).chunk(2, dim=1)
        return linear(p, "fusion.head", scale * video + shift), audio, video
    hidden = linear(p, "fusion.projections.audio", audio)
    gated = linear(p, "fusion.projections.video", video)
    fused = linear(p, "fusion.head", gated / (1 + torch.exp(-hidden)))
    return fused, hidden, gated


@dataclass
class Released:
    """Training as the released code does it.

    Attributes:
        fusion: late, sum, concat, film or gated.
        params: Of the student, by name; changed by every step.
        teachers: Of both teachers, by name.
        last: Last epoch, counted from 0, in which the gate acts.
    """

    fusion: str
    params: Params
    teachers: Mapping[str, Params]
    last: int
    rate: float
    momentum: float
    decay: float
    buffers: Params = field(default_factory=dict)
    suppressed: list[str] = field(default_factory=list)

    def step(self, epoch: int, inputs: Mapping[str, Tensor], target: Tensor) -> float:
        rows = torch.arange(len(target))
        leaves = {key: value.detach().requires_grad_() for key, value in self.params.items()}
        audio, video = (encode(leaves, f"encoders.{m}", inputs[m], True) for m in (AUDIO, VIDEO))
        logits, *features = fuse(self.fusion, leaves, audio, video)
        student = log_softmax(logits)
        loss = -student[rows, target].mean()
        scores = {}
        for name, feature in zip((AUDIO, VIDEO), features, strict=True):
            known = encode(self.teachers[name], "encoder", inputs[name], False)
            said = log_softmax(linear(self.teachers[name], "head", known))
            loss = loss + ((feature - known) ** 2).mean()
            loss = loss + (torch.exp(said) * (said - student)).sum(dim=1).mean()
            scores[name] = torch.exp(said)[rows, target].sum().item()
        gradients = dict(zip(leaves, torch.autograd.grad(loss, list(leaves.values())), strict=True))
        if epoch <= self.last:
            strong = AUDIO if scores[AUDIO] > scores[VIDEO] else VIDEO
            self.suppressed.append(strong)
            for key, gradient in gradients.items():
                if key.startswith(f"encoders.{strong}.") and gradient.dim() == 4:
                    gradients[key] = gradient * 0
        for key, gradient in gradients.items():
            gradient = gradient + self.decay * self.params[key]
            before = self.buffers.get(key)
            self.buffers[key] = gradient if before is None else self.momentum * before + gradient
            self.params[key] = self.params[key] - self.rate * self.buffers[key]
        return loss.item()
