"""Small real networks, teachers and batches for the tests of methods, teachers and processes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

import g2d
from g2d.models.fusion import Fusion

# Deliberately not in alphabetical order, and of two kinds.
NAMES = ("sound", "image", "depth", "gas")
WIDTHS = {"sound": 5, "image": 4, "depth": 3, "gas": 4}
TASKS: dict[str, g2d.Task] = {
    "classification": g2d.Classification(4),
    "multilabel": g2d.MultiLabel(3),
    "regression": g2d.Regression(low=-2.0, high=6.0, std=1.7),
}


def encoder(name: str) -> nn.Module:
    """A convolution for `image`, a linear layer for the others; batch norm in both."""
    width = WIDTHS[name]
    if name == "image":
        first: list[nn.Module] = [nn.Conv2d(1, 2, 3), nn.BatchNorm2d(2)]
        inside = 2 * 3 * 3
    else:
        first = [nn.Linear(6, 7), nn.BatchNorm1d(7)]
        inside = 7
    return nn.Sequential(*first, nn.Tanh(), nn.Flatten(), nn.Linear(inside, width))


def student(
    names: Sequence[str], outputs: int, fusion: type[Fusion] = g2d.LateFusion, seed: int = 0
) -> g2d.MultimodalModel:
    torch.manual_seed(seed)
    encoders = {name: encoder(name) for name in names}
    return g2d.MultimodalModel(encoders, fusion({name: WIDTHS[name] for name in names}, outputs))


def teacher_models(
    names: Sequence[str], task: g2d.Task, seed: int = 1
) -> dict[str, g2d.UnimodalModel]:
    """Untrained but opinionated, with running statistics that differ from their initial ones."""
    torch.manual_seed(seed)
    models = {}
    for name in names:
        model = g2d.UnimodalModel(name, encoder(name), WIDTHS[name], task.outputs)
        with torch.no_grad():
            model.head.weight.mul_(2)
            for s in range(3):
                model(batch([name], task, size=16, seed=100 + s))
        models[name] = model
    return models


def bank(names: Sequence[str], task: g2d.Task, seed: int = 1) -> g2d.OnlineTeachers:
    return g2d.OnlineTeachers(teacher_models(names, task, seed), task)


def inputs(name: str, size: int, generator: torch.Generator) -> Tensor:
    shape = (1, 5, 5) if name == "image" else (6,)
    return torch.randn(size, *shape, generator=generator)


def targets(task: g2d.Task, size: int, generator: torch.Generator) -> Tensor:
    if isinstance(task, g2d.Classification):
        return torch.randint(task.outputs, (size,), generator=generator)
    if isinstance(task, g2d.MultiLabel):
        return torch.randint(2, (size, task.outputs), generator=generator)
    assert isinstance(task, g2d.Regression)
    return task.low + (task.high - task.low) * torch.rand(size, generator=generator)


def batch(
    names: Sequence[str],
    task: g2d.Task,
    size: int = 6,
    seed: int = 0,
    missing: bool = False,
) -> g2d.Batch:
    """Random samples; with `missing`, all but the first modality lack some of theirs."""
    generator = torch.Generator().manual_seed(seed)
    values = {}
    for name in names:  # a modality's values do not depend on its neighbours
        own = torch.Generator().manual_seed(1000 * seed + NAMES.index(name))
        values[name] = inputs(name, size, own)
    target = targets(task, size, generator)
    present = {}
    if missing:
        for name in names[1:]:
            present[name] = torch.rand(size, generator=generator) > 0.4
    return g2d.Batch(values, target, torch.arange(size), present)


def sgd(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=0.02)


def adamw(model: nn.Module) -> torch.optim.Optimizer:
    return torch.optim.AdamW(model.parameters(), lr=0.01, weight_decay=0.1)


OPTIMIZERS = {"sgd": sgd, "adamw": adamw}


def any_student(task: g2d.Task, fusion: type[Fusion] = g2d.LateFusion) -> g2d.MultimodalModel:
    """For tests that are about something else."""
    return student(NAMES[:2], task.outputs, fusion)


def step(method: g2d.Method, optimizer: torch.optim.Optimizer, data: g2d.Batch) -> Tensor:
    """One step, in the order of `Method`'s docstring."""
    loss = method.loss(method.student.net(data), data)
    loss.backward()
    method.adjust_gradients()
    optimizer.step()
    optimizer.zero_grad()
    return loss.detach()


def train(
    method: g2d.Method, optimizer: torch.optim.Optimizer, epochs: Sequence[Sequence[g2d.Batch]]
) -> list[float]:
    losses = []
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        losses += [step(method, optimizer, data).item() for data in batches]
    return losses


def weights(model: nn.Module) -> dict[str, Tensor]:
    return {key: value.detach().clone() for key, value in model.state_dict().items()}


def same(left: dict[str, Tensor], right: dict[str, Tensor]) -> bool:
    """Bit for bit."""
    return left.keys() == right.keys() and all(torch.equal(left[k], right[k]) for k in left)


def gradients(method: g2d.Method, data: g2d.Batch) -> dict[str, Tensor]:
    """Those that a step of a loop of one's own would take."""
    model = method.student.net
    model.zero_grad()
    method.loss(model(data), data).backward()
    method.adjust_gradients()
    return {key: p.grad.clone() for key, p in model.named_parameters() if p.grad is not None}
