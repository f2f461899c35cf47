"""The interface of all tasks."""

from __future__ import annotations

from abc import ABC, abstractmethod

import torch
from torch import Tensor

from g2d.errors import UserError


class Task(ABC):
    """A kind of target, with its loss, metric, confidence and distances.

    Attributes:
        outputs: Width of the logits.
        metric: Name of the metric that models are compared by.
        higher_is_better: Whether that metric grows with quality.

    Example:
        >>> from g2d import Classification
        >>> task, logits = Classification(3), torch.tensor([[2.0, 0.0, 1.0], [0.0, 1.0, 0.5]])
        >>> task.predict(logits).tolist(), task.metrics(logits, torch.tensor([0, 2]))["accuracy"]
        ([0, 1], 0.5)
    """

    outputs: int
    metric: str
    higher_is_better: bool

    @abstractmethod
    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Supervised loss, Eq. 1 of the paper: the batch mean, a scalar."""

    @abstractmethod
    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """The loss of each sample, `(B,)`; `loss` is their mean."""

    @abstractmethod
    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """How sure each prediction is of the right answer, `(B,)` in [0, 1] (inside Eq. 5)."""

    @abstractmethod
    def constant(self, target: Tensor) -> Tensor:
        """Logits `(N, C)` of the one prediction, the same for all, that these targets suggest."""

    def chance(self, target: Tensor) -> float:
        """The mean confidence of a guess that knows the distribution of targets, but no input."""
        return self.confidence(self.constant(target), target).double().mean().item()

    @abstractmethod
    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """How far each prediction is from the teacher's, `(B,)` (inside Eq. 3).

        Gradient flows to `logits` only.
        """

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """What the model predicts, in the target's own terms."""

    @abstractmethod
    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """Metrics over a whole split, fractions and not percent.

        A metric that the split does not define (R² of a constant target) is `nan`.
        """

    @abstractmethod
    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """Each sample's term of the metric, `(B,)`; `metric_of` their mean is the metric."""

    def metric_of(self, mean: float) -> float:
        """The metric, of the mean of its terms over a whole split."""
        return mean

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """The description from which `task_from` builds this task again, as plain JSON values."""

    @property
    def unsettled(self) -> bool:
        """Whether there is an option that is chosen on validation."""
        return False

    def settled(self, logits: Tensor, target: Tensor) -> Task:
        """The task with the options that are chosen on validation, such as a threshold."""
        return self

    def better(self, candidate: float, best: float | None) -> bool:
        """Whether a validation metric beats the best so far (ties go to the earlier)."""
        if best is None or best != best:  # nothing yet, or nan
            return True
        return candidate > best if self.higher_is_better else candidate < best


def described(value: Tensor) -> str:
    """Type and shape of a tensor, for messages.

    Example:
        >>> described(torch.ones(4, 2))
        'float32 (4, 2)'
    """
    return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"


def check_is_task(task: object) -> None:
    """Refuses what is no task, such as a number of classes.

    Raises:
        UserError: It is none.

    Example:
        >>> check_is_task(3)
        Traceback (most recent call last):
        g2d.errors.UserError: task: got int, expected a task, such as g2d.Classification(3)
    """
    if not isinstance(task, Task):
        classes = task if isinstance(task, int) and task > 1 else 5
        raise UserError(
            f"task: got {type(task).__name__}, expected a task, such as "
            f"g2d.Classification({classes})"
        )


def at_least_float32(value: Tensor) -> Tensor:
    """A value of half precision in float32, any other as it is: losses are not taken in bf16.

    Example:
        >>> at_least_float32(torch.ones(1, dtype=torch.bfloat16)).dtype
        torch.float32
        >>> at_least_float32(torch.ones(1, dtype=torch.float64)).dtype
        torch.float64
    """
    if value.dtype == torch.float32:
        return value
    return value.to(torch.promote_types(value.dtype, torch.float32))
