"""Random logits, features, targets and masks for the tests of functions."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

import g2d
from methods.small import TASKS
from reference import g2d as paper

B, D = 7, 5


def task_pair(kind: str) -> tuple[g2d.Task, paper.Task]:
    """The task, and the reference's."""
    task = TASKS[kind]
    if isinstance(task, g2d.Regression):
        return task, paper.Task(kind, task.low, task.high, task.std)
    return task, paper.Task(kind)


def logits(task: g2d.Task, seed: int = 0, size: int = B) -> Tensor:
    return 2 * torch.randn(size, task.outputs, generator=torch.Generator().manual_seed(seed))


def features(seed: int = 0, size: int = B, width: int = D) -> Tensor:
    return torch.randn(size, width, generator=torch.Generator().manual_seed(seed))


def target(task: g2d.Task, seed: int = 9, size: int = B) -> Tensor:
    drawn = torch.Generator().manual_seed(seed)
    if isinstance(task, g2d.MultiLabel):
        return torch.randint(2, (size, task.outputs), generator=drawn).float()
    if isinstance(task, g2d.Regression):
        return torch.rand(size, generator=drawn) * (task.high - task.low) + task.low
    return torch.randint(task.outputs, (size,), generator=drawn)


def mask(seed: int, size: int = B) -> Tensor:
    """Some samples, never all and never none."""
    drawn = torch.rand(size, generator=torch.Generator().manual_seed(seed)) < 0.6
    drawn[0], drawn[1] = True, False
    return drawn


def present_of(masks: Sequence[Tensor | None]) -> dict[str, list[bool]]:
    """As the references have it, by the number of the modality."""
    return {str(m): each.tolist() for m, each in enumerate(masks) if each is not None}
