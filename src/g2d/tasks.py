"""What differs between classification, multi-label classification and regression.

Every other part of g2d asks the task: what is the loss, how sure is this prediction of the right
answer, how far is this prediction from that one, what is its metric. All of them compute in
float32 whatever precision the model runs in.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.errors import UserError


class Task(ABC):
    """A kind of target, and all that follows from it.

    Attributes:
        outputs: Width of the logits.
        metric: Name of the metric that models are selected by.
        higher_is_better: Whether that metric grows with quality.
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
        """Mean confidence of who knows how targets are distributed and nothing of the inputs."""
        return self.confidence(self.constant(target), target).double().mean().item()

    @abstractmethod
    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """How far each prediction is from the teacher's, `(B,)` (inside Eq. 3).

        Gradient flows to `logits` only.
        """

    @abstractmethod
    def predict(self, logits: Tensor) -> Tensor:
        """What the model would answer, in the target's own terms."""

    @abstractmethod
    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """Metrics over a whole split, fractions and not percent.

        A metric that the split does not define (R² of a constant target) is `nan`.
        """

    @abstractmethod
    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """What each sample adds to the metric, `(B,)`; `metric_of` their mean is the metric."""

    def metric_of(self, mean: float) -> float:
        """The metric, of the mean of its terms over a whole split."""
        return mean

    @abstractmethod
    def describe(self) -> dict[str, object]:
        """What `task_from` needs to build this task again, as plain JSON values."""

    def better(self, candidate: float, best: float | None) -> bool:
        """Whether a validation metric beats the best so far (ties go to the earlier)."""
        if best is None or best != best:  # nothing yet, or nan
            return True
        return candidate > best if self.higher_is_better else candidate < best


class Classification(Task):
    """One of C classes: cross-entropy, softmax probability of the right class, KL divergence.

    Args:
        classes: Their number, or their names.

    Example:
        >>> import torch
        >>> task = Classification(["cat", "dog"])
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
        >>> task.metrics(logits, target)
        {'accuracy': 0.5, 'uar': 0.5, 'macro_f1': 0.3333333333333333}
        >>> task.confidence(logits, target)
        tensor([0.8808, 0.2689])
    """

    metric = "accuracy"
    higher_is_better = True

    def __init__(self, classes: int | Sequence[str]) -> None:
        names = (
            [str(c) for c in range(classes)]
            if isinstance(classes, int)
            else [str(c) for c in classes]
        )
        if len(names) < 2:
            raise UserError(f"classification needs 2 classes or more, got {len(names)}")
        self.class_names = tuple(names)
        self.outputs = len(names)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy."""
        return F.cross_entropy(logits.float(), target)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each sample."""
        return F.cross_entropy(logits.float(), target, reduction="none")

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """Softmax probability of the true class, Eq. 5."""
        return logits.float().softmax(dim=1).gather(1, target[:, None]).squeeze(1)

    def constant(self, target: Tensor) -> Tensor:
        """The logarithms of the class frequencies."""
        share = target.bincount(minlength=self.outputs).float() / len(target)
        return share.clamp(min=1e-6).log().expand(len(target), -1)

    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """T² KL(softmax(teacher / T) || softmax(logits / T)), Eq. 3; T² keeps gradients in size."""
        student = F.log_softmax(logits.float() / temperature, dim=1)
        target = F.log_softmax(teacher.detach().float() / temperature, dim=1)
        kl = F.kl_div(student, target, reduction="none", log_target=True).sum(dim=1)
        return temperature**2 * kl

    def predict(self, logits: Tensor) -> Tensor:
        """The most likely class."""
        return logits.argmax(dim=1)

    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """Accuracy, unweighted average recall (UAR) and macro F1.

        UAR is the mean of the recalls of the classes that the split has; macro F1 that of the F1
        of the classes that it has or that were answered.
        """
        prediction = self.predict(logits)
        right, answered, there = (
            classes.bincount(minlength=self.outputs).double()
            for classes in (target[prediction == target], prediction, target)
        )
        seen = answered + there
        return {
            "accuracy": (prediction == target).double().mean().item(),
            "uar": (right / there)[there > 0].mean().item(),
            "macro_f1": (2 * right / seen)[seen > 0].mean().item(),
        }

    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """1 where the answer is right, else 0."""
        return (self.predict(logits) == target).float()

    def describe(self) -> dict[str, object]:
        """The class names."""
        return {"kind": "classification", "classes": list(self.class_names)}


class MultiLabel(Task):
    """L independent yes/no labels, target `(B, L)` of 0 and 1.

    The loss is binary cross-entropy, the confidence the mean over labels of the probability given
    to the right bit, the divergence the mean over labels of the Bernoulli KL.

    Args:
        labels: Their number, or their names.

    Example:
        >>> import torch
        >>> task = MultiLabel(["rain", "wind"])
        >>> task.metrics(torch.tensor([[1.0, -1.0]]), torch.tensor([[1.0, 1.0]]))
        {'accuracy': 0.5, 'exact_match': 0.0}
    """

    metric = "accuracy"
    higher_is_better = True

    def __init__(self, labels: int | Sequence[str]) -> None:
        names = (
            [str(c) for c in range(labels)] if isinstance(labels, int) else [str(c) for c in labels]
        )
        if not names:
            raise UserError("multi-label classification needs 1 label or more, got 0")
        self.label_names = tuple(names)
        self.outputs = len(names)

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy, the mean over samples and labels."""
        return F.binary_cross_entropy_with_logits(logits.float(), target.float())

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy of each sample, the mean over labels."""
        each = F.binary_cross_entropy_with_logits(logits.float(), target.float(), reduction="none")
        return each.mean(dim=1)

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over labels of the probability of the right bit."""
        probability = logits.float().sigmoid()
        return torch.where(target > 0.5, probability, 1 - probability).mean(dim=1)

    def constant(self, target: Tensor) -> Tensor:
        """The frequency of every label, as a logit."""
        return target.float().mean(dim=0).logit(eps=1e-6).expand(len(target), -1)

    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """T² times the mean over labels of KL(Bernoulli(teacher) || Bernoulli(logits))."""
        z, t = logits.float() / temperature, teacher.detach().float() / temperature
        yes = t.sigmoid() * (F.logsigmoid(t) - F.logsigmoid(z))
        no = (-t).sigmoid() * (F.logsigmoid(-t) - F.logsigmoid(-z))
        return temperature**2 * (yes + no).mean(dim=1)

    def predict(self, logits: Tensor) -> Tensor:
        """Every label whose probability is above one half."""
        return (logits > 0).long()

    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """Share of right bits, and of samples right in every bit."""
        right = self.predict(logits) == target.long()
        return {
            "accuracy": right.double().mean().item(),
            "exact_match": right.all(dim=1).double().mean().item(),
        }

    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """Share of right bits."""
        return (self.predict(logits) == target.long()).float().mean(dim=1)

    def describe(self) -> dict[str, object]:
        """The label names."""
        return {"kind": "multilabel", "labels": list(self.label_names)}


class Regression(Task):
    """One number a sample, predicted as sigmoid(logit) on the range seen in training.

    The paper trains regression on p = σ(l) with the squared error (Eq. 1), which supposes targets
    in [0, 1]: they are scaled by the minimum and maximum of the training split, and metrics are
    taken after scaling back. A divergence of softmaxes over one output is identically zero, so
    the logit distillation is the squared difference of the predictions, and confidence is
    exp(-|prediction - target| / s) with s the standard deviation of the training targets.

    Args:
        low: Smallest training target.
        high: Largest training target.
        std: Standard deviation of the training targets.

    Example:
        >>> import torch
        >>> task = Regression.fit(torch.tensor([10.0, 20.0, 30.0]))
        >>> task.predict(torch.zeros(1, 1))
        tensor([20.])
    """

    metric = "rmse"
    higher_is_better = False
    outputs = 1

    def __init__(self, low: float, high: float, std: float) -> None:
        if not (high > low and std > 0):
            raise UserError(
                f"regression needs training targets that differ, got minimum {low:g}, "
                f"maximum {high:g}, standard deviation {std:g}"
            )
        self.low, self.high, self.std = float(low), float(high), float(std)

    @classmethod
    def fit(cls, targets: Tensor) -> Regression:
        """Reads the scale off the training targets, `(N,)`."""
        values = targets.double()
        return cls(
            low=values.min().item(),
            high=values.max().item(),
            std=values.std(unbiased=False).item(),
        )

    def scale(self, target: Tensor) -> Tensor:
        """From the original scale to the unit range of training."""
        return (target.float() - self.low) / (self.high - self.low)

    def _pair(self, logits: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """Predictions and targets on the unit range, `(B,)` each."""
        if target.ndim != 1:  # (B, 1) would be compared with every prediction of the batch
            raise UserError(
                f"got targets of shape {tuple(target.shape)}, expected (B,); give target.flatten()"
            )
        return self._unit(logits), self.scale(target)

    def _unit(self, logits: Tensor) -> Tensor:
        return logits.float().squeeze(1).sigmoid()

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared error on the unit range, Eq. 1."""
        return F.mse_loss(*self._pair(logits, target))

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared error of each sample on the unit range."""
        unit, scaled = self._pair(logits, target)
        return (unit - scaled) ** 2

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """exp(-|prediction - target| / s), the same on either scale."""
        unit, scaled = self._pair(logits, target)
        error = (unit - scaled).abs() * (self.high - self.low)
        return (-error / self.std).exp()

    def constant(self, target: Tensor) -> Tensor:
        """The mean target, as a logit."""
        return self.scale(target).mean().logit(eps=1e-6).expand(len(target), 1)

    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """Squared difference of the two predictions on the unit range (temperature unused)."""
        return (self._unit(logits) - self._unit(teacher.detach())) ** 2

    def predict(self, logits: Tensor) -> Tensor:
        """The number, on the original scale."""
        return self.low + (self.high - self.low) * self._unit(logits)

    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """MAPE, R², RMSE, MAE and signed MPE on the original scale.

        MPE is the mean of (target - prediction) / target: positive targets are predicted too low
        where it is positive. Like MAPE it leaves targets of 0 out.
        """
        prediction, truth = self.predict(logits).double(), target.double()
        error = prediction - truth
        spread = ((truth - truth.mean()) ** 2).sum()
        share = (-error / truth)[truth != 0]  # nan where no target is left
        nan = float("nan")
        return {
            "mape": share.abs().mean().item(),
            "r2": (1 - (error**2).sum() / spread).item() if spread > 0 else nan,
            "rmse": (error**2).mean().sqrt().item(),
            "mae": error.abs().mean().item(),
            "mpe": share.mean().item(),
        }

    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """Squared error on the original scale."""
        return (self.predict(logits) - target.float()) ** 2

    def metric_of(self, mean: float) -> float:
        """The root of the mean squared error."""
        return math.sqrt(mean)

    def describe(self) -> dict[str, object]:
        """The scale."""
        return {"kind": "regression", "low": self.low, "high": self.high, "std": self.std}


def task_from(description: dict[str, object]) -> Task:
    """Builds a task from what `Task.describe` said of it.

    Example:
        >>> task_from(Classification(3).describe()).outputs
        3
    """
    kinds = {"classification": Classification, "multilabel": MultiLabel, "regression": Regression}
    options = dict(description)
    kind = str(options.pop("kind", None))
    if kind not in kinds:
        raise UserError(f"unknown task {kind!r}; known: {', '.join(kinds)}")
    task: Task = kinds[kind](**options)
    return task
