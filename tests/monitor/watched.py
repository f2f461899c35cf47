"""Nets of three modalities and a plain loop, for the tests of the doctor."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

import g2d

NAMES = ("sound", "image", "depth")
WIDTHS = {"sound": 5, "image": 4, "depth": 6}
CLASSES = 3
TASK = g2d.Classification(CLASSES)
Samples = tuple[dict[str, Tensor], Tensor]


class Net(nn.Module):
    """Encoders with batch norm and dropout; a head of its own for each, or one for all."""

    def __init__(self, heads: bool = False, outputs: int = CLASSES) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(
            {
                name: nn.Sequential(nn.Linear(7, width), nn.BatchNorm1d(width), nn.Tanh())
                for name, width in WIDTHS.items()
            }
        )
        self.dropout = nn.Dropout(0.3)
        self.heads = nn.ModuleDict(
            {
                name: nn.Sequential(
                    nn.Dropout(0.2), nn.BatchNorm1d(width), nn.Linear(width, outputs)
                )
                for name, width in WIDTHS.items()
            }
        )
        self.head = nn.Linear(sum(WIDTHS.values()), outputs)
        self.with_heads = heads

    def forward(self, **inputs: Tensor) -> Tensor:
        features = {name: self.encoders[name](inputs[name]) for name in NAMES}
        if self.with_heads:
            parts = [self.heads[name](self.dropout(features[name])) for name in NAMES]
            return torch.stack(parts).mean(dim=0)
        logits: Tensor = self.head(self.dropout(torch.cat(list(features.values()), dim=1)))
        return logits


def net(heads: bool = False, seed: int = 0, outputs: int = CLASSES) -> Net:
    torch.manual_seed(seed)
    return Net(heads, outputs)


def attached(model: Net) -> g2d.Student:
    heads = dict(model.heads.items()) if model.with_heads else None
    return g2d.attach(model, dict(model.encoders.items()), heads=heads)


def samples(size: int = 8, seed: int = 1, task: g2d.Task = TASK) -> Samples:
    random = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(size, 7, generator=random) for name in NAMES}
    if isinstance(task, g2d.Regression):
        return inputs, torch.randn(size, generator=random)
    if isinstance(task, g2d.MultiLabel):
        return inputs, torch.randint(2, (size, task.outputs), generator=random)
    return inputs, torch.randint(task.outputs, (size,), generator=random)


def loop(
    model: nn.Module,
    data: Sequence[Samples],
    watch: Callable[[Tensor], None] = lambda target: None,
    task: g2d.Task = TASK,
) -> torch.optim.Optimizer:
    """A plain loop of one epoch."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for inputs, target in data:
        task.loss(model(**inputs), target).backward()
        watch(target)
        optimizer.step()
        optimizer.zero_grad()
    return optimizer
