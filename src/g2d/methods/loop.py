"""The training loop, as far as a method may know it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any

from torch import Tensor, nn
from torch.optim import Optimizer

from g2d import gates
from g2d.batch import Batch, Outputs
from g2d.errors import UserError
from g2d.ranks import mean_over_ranks
from g2d.student.base import Student

IterTrain = Callable[[float, int], Iterable[Any]]


class Loop:
    """Optimizer, epochs and training data of a loop of your own; the engine has one on Fabric.

    A method gets it once, by `Method.on_fit_start`.

    Args:
        optimizer: Made from `method.parameter_groups()`.
        epochs: How many there will be; methods whose stages are shares of them ask.
        iter_train: `iter_train(fraction, seed)` iterates over a random fraction of the training
            data, on the model's device. Only methods that read the training data between epochs
            (PMR, for one) ask for it. For an attached model it calls the model, and yields
            `(net(...), target)`, or `(net(...), target, {"index": ..., "present": ...})`; for a
            `g2d.MultimodalModel` it yields the batches.

    Example:
        >>> import torch, g2d
        >>> widths = {"sound": 4, "image": 4}
        >>> model = g2d.MultimodalModel(
        ...     {name: torch.nn.Linear(3, 4) for name in widths}, g2d.LateFusion(widths, outputs=2)
        ... )
        >>> method = g2d.JointTraining(model, g2d.Classification(2))
        >>> optimizer = torch.optim.SGD(method.parameter_groups(), lr=0.1)
        >>> method.on_fit_start(g2d.Loop(optimizer))
        >>> batch = g2d.Batch(
        ...     {name: torch.ones(2, 3) for name in widths}, torch.tensor([0, 0]), torch.arange(2)
        ... )
        >>> bool(method.step(batch) > method.step(batch))
        True
    """

    def __init__(
        self,
        optimizer: Optimizer,
        *,
        epochs: int | None = None,
        iter_train: IterTrain | None = None,
    ) -> None:
        self.optimizer = optimizer
        self._epochs = epochs
        self._iter_train = iter_train

    @property
    def counts_epochs(self) -> bool:
        """Whether it knows how many there will be."""
        return self._epochs is not None

    @property
    def epochs(self) -> int:
        """How many epochs there will be.

        Raises:
            UserError: The loop was made without.
        """
        if self._epochs is None:
            raise UserError(
                "this method has stages that are shares of the training; give the loop its number "
                "of epochs: g2d.Loop(optimizer, epochs=...)"
            )
        return self._epochs

    def forward(self, student: Student, batch: Batch, more: bool = False) -> Outputs:
        """The outputs of a model of g2d's own; its gradient is taken by `backward`.

        Args:
            student: Whose model is run.
            batch: The inputs.
            more: Whether this step goes on to add the gradients of another batch.
        """
        return student.outputs_of(batch)[0]

    def backward(self, loss: Tensor, more: bool = False) -> None:
        """Adds the gradients of a loss to the parameters.

        Args:
            loss: Of the last `forward`.
            more: As given to it.
        """
        loss.backward()

    def precision(self) -> AbstractContextManager[None]:
        """The loop's precision, for a method that runs parts of the model by itself.

        Such a method calls the model instead of `forward`, `gradients` instead of `backward`.
        """
        return nullcontext()

    def gradients(
        self, loss: Tensor, parameters: Sequence[nn.Parameter], keep: bool = True
    ) -> list[Tensor | None]:
        """Gradients of a loss, averaged over processes; `None` for what is frozen or not reached.

        The parameters' own gradients are left alone (see `gates.assign`).

        Args:
            loss: A scalar.
            parameters: Those wanted.
            keep: Whether the graph is needed again; without it memory is freed on the way.
        """
        return mean_over_ranks(gates.gradients(loss, parameters, keep))

    def update(self) -> None:
        """The optimizer's step, after which there are no gradients."""
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def iter_train(self, fraction: float = 1.0, seed: int = 0) -> Iterable[Any]:
        """A random fraction of the training data, every process all of it.

        Raises:
            UserError: The loop was made without a way to it.
        """
        if self._iter_train is None:
            raise UserError(
                "this method reads the training data between epochs; give the loop an "
                "iter_train(fraction, seed): g2d.Loop(optimizer, epochs=..., iter_train=...)"
            )
        return self._iter_train(fraction, seed)
