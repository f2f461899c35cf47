"""The loop that the networks on views are trained by."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from g2d.tasks import Task


@dataclass(frozen=True)
class Phase:
    """How long and how fast, with Adam.

    Attributes:
        epochs: Epochs at the full learning rate.
        decay: Epochs after that, in which it falls linearly towards zero.
        learning_rate: The full one.
        batch_size: Samples a step.
        betas: Of Adam.
        clip: Largest gradient norm of each module by itself; `None` for any.
    """

    epochs: int
    decay: int = 0
    learning_rate: float = 2e-4
    batch_size: int = 128
    betas: tuple[float, float] = (0.9, 0.999)
    clip: float | None = None

    def factor(self, epoch: int) -> float:
        """The factor of the learning rate in an epoch, counted from 0; never zero.

        Example:
            >>> [Phase(epochs=2, decay=3).factor(epoch) for epoch in range(5)]
            [1.0, 1.0, 0.75, 0.5, 0.25]
        """
        return 1 - max(0, epoch + 1 - self.epochs) / (self.decay + 1)


class Best:
    """Keeps the weights of the epoch that is best on validation.

    Args:
        task: Knows which of two values of its metric is better.
        modules: Whose weights.
    """

    def __init__(self, task: Task, modules: Sequence[nn.Module]) -> None:
        self.task = task
        self.modules = list(modules)
        self.score: float | None = None
        self._states: list[dict[str, Tensor]] | None = None

    def see(self, score: float) -> None:
        """Copies the weights if this is better than all before."""
        if self._states is None or self.task.better(score, self.score):
            self.score = score
            self._states = [
                {name: value.clone() for name, value in module.state_dict().items()}
                for module in self.modules
            ]

    def restore(self) -> None:
        """Puts the best weights back; without any, those at hand stay."""
        if self._states is not None:
            for module, state in zip(self.modules, self._states, strict=True):
                module.load_state_dict(state)


def train(
    modules: Sequence[nn.Module],
    loss: Callable[[Tensor], Tensor],
    rows: Tensor,
    phase: Phase,
    after_epoch: Callable[[], None] = lambda: None,
) -> None:
    """Runs the epochs of a phase.

    Args:
        modules: What learns; in train mode while it does, in eval mode at the end of every epoch.
        loss: Of the samples with these numbers, `(B,)`.
        rows: The numbers of the samples to train on; shuffled with the global random state.
        phase: How long and how fast.
        after_epoch: Called at the end of every epoch.
    """
    parameters = [parameter for module in modules for parameter in module.parameters()]
    optimizer = torch.optim.Adam(parameters, lr=phase.learning_rate, betas=phase.betas, fused=True)
    for epoch in range(phase.epochs + phase.decay):
        for group in optimizer.param_groups:
            group["lr"] = phase.learning_rate * phase.factor(epoch)
        for module in modules:
            module.train()
        order = torch.randperm(len(rows)).to(rows.device)
        for chosen in rows[order].split(phase.batch_size):
            optimizer.zero_grad()
            loss(chosen).backward()
            if phase.clip is not None:
                for module in modules:
                    nn.utils.clip_grad_norm_(module.parameters(), phase.clip)
            optimizer.step()
        for module in modules:
            module.eval()
        after_epoch()


def take(x: Mapping[str, Tensor], rows: Tensor) -> dict[str, Tensor]:
    """The samples with these numbers, of every view."""
    return {name: value[rows] for name, value in x.items()}
