"""What every method on views that may be missing can do: be fitted, and predict."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import torch
from torch import Tensor

from g2d.benchmark.imputation.scaling import Kind, Scaler
from g2d.benchmark.imputation.views import Views
from g2d.errors import UserError
from g2d.models.names import check_names
from g2d.tasks import Task


class PartialViewModel(ABC):
    """Predicts from the views that a sample has.

    The declared order of the modalities is that of the training views; others may come in any.
    Validation chooses among epochs, and nothing else does: there is no way in for test. Absent
    rows have no influence, on training or prediction. The same seed gives the same model on the
    CPU, and the global random state stays as it is.

    Args:
        task: What is to be predicted.
        device: Where to compute.

    Attributes:
        tasks: The kinds of task that the method is defined for.
        takes_tokens: Whether views may be `(N, T, d)`.
        scaling: How inputs are brought to one scale (see `Scaler`).
        restores: Whether it learns to restore views, and takes `targets`: of which samples.
    """

    tasks: ClassVar[tuple[type[Task], ...]] = (Task,)
    takes_tokens: ClassVar[bool] = False
    scaling: ClassVar[Kind] = "deviation"
    restores: ClassVar[bool] = False

    def __init__(self, task: Task, *, device: torch.device | str = "cpu") -> None:
        if not isinstance(task, self.tasks):
            kinds = " or ".join(kind.__name__ for kind in self.tasks)
            raise UserError(
                f"{type(self).__name__} is defined for {kinds}, got {type(task).__name__}; "
                "choose another method"
            )
        self.task = task
        self.device = torch.device(device)
        self.widths: dict[str, int] = {}
        self._scaler: Scaler | None = None

    @property
    def modalities(self) -> tuple[str, ...]:
        """The names, in the declared order; none before `fit`."""
        return tuple(self.widths)

    def fit(self, train: Views, val: Views, *, seed: int) -> None:
        """Trains, and keeps what is best on validation by the task's metric.

        Args:
            train: The training split, with its mask.
            val: The validation split, masked as the test split will be.
            seed: Of all that is drawn.

        Raises:
            UserError: A split is empty, the modalities of the two differ, or the views are
                tokens and the method wants vectors.
        """
        check_names(train.modalities)
        for name, split in (("training", train), ("validation", val)):
            if not len(split):
                raise UserError(f"the {name} split has no samples; give it some")
        self.widths = {}
        self._check(train)
        self.widths = train.widths
        self._check(val)
        train, val = train.to(self.device), val.ordered(train.modalities).to(self.device)
        self._scaler = Scaler(train, self.scaling)
        with seeded(seed, self.device):
            self._fit(train, val)

    def logits(self, views: Views) -> Tensor:
        """The prediction for every sample, `(N, C)`, on the device of the method.

        Nothing is learned from the views, and their target is not read.

        Raises:
            UserError: The method is not fitted, or the views are not of the kind it was fitted to.
        """
        return self._logits(self._ready(views)).detach()

    @abstractmethod
    def _fit(self, train: Views, val: Views) -> None:
        """Trains; whatever is random comes from the global state, which is seeded."""

    @abstractmethod
    def _logits(self, views: Views) -> Tensor:
        """Predicts, with nothing random in it."""

    def _ready(self, views: Views) -> Views:
        if self._scaler is None:
            raise UserError(f"{type(self).__name__} is not fitted; call fit first")
        self._check(views)
        return views.ordered(self.modalities).to(self.device)

    def _scaled(self, views: Views) -> dict[str, Tensor]:
        assert self._scaler is not None
        return self._scaler(views)

    def _score(self, views: Views) -> float:
        logits = self._logits(views).detach()
        return self.task.metrics(logits, views.target)[self.task.metric]

    def _check(self, views: Views) -> None:
        if self.widths and {**views.widths} != self.widths:
            raise UserError(
                f"{type(self).__name__} was fitted to views of the widths {self.widths}, got "
                f"{views.widths}"
            )
        tokens = [name for name, feature in views.features.items() if feature.ndim == 3]
        if tokens and not self.takes_tokens:
            raise UserError(
                f"{type(self).__name__} takes one vector a sample, and the views {tokens} are "
                "tokens; take their mean"
            )


@contextmanager
def seeded(seed: int, device: torch.device) -> Iterator[None]:
    """Seeds what is drawn inside, and leaves the global random state as it was."""
    on_gpu = device.type == "cuda"
    with torch.random.fork_rng(devices=[device] if on_gpu else []):
        torch.default_generator.manual_seed(seed)
        if on_gpu:
            with torch.cuda.device(device):
                torch.cuda.manual_seed(seed)
        yield
