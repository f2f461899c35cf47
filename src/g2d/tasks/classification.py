"""Classification: one class a sample."""

from __future__ import annotations

import math
from collections.abc import Sequence
from copy import copy
from typing import Literal, get_args

import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.errors import UserError, check_choice
from g2d.tasks.base import Task, at_least_float32, described

Selects = Literal["accuracy", "uar", "macro_f1", "mae"]
# Thresholds that are tried.
_MOST = 2000


class Classification(Task):
    """One of C classes: cross-entropy, softmax probability of the right class, KL divergence.

    Args:
        classes: Their number, or their names.
        weights: By class, what the loss of its samples is multiplied by; 1 when not given.
        selects: The metric that chooses the epoch and compares models: `accuracy`, `uar` (balanced
            accuracy), `macro_f1`, or for classes in order `mae`: how many classes the prediction
            is off, on average. The median of the distribution is then predicted, for which
            that is expected to be least, and not the most likely class.
        threshold: Of two classes, the least probability at which the second is predicted; chosen on
            validation, so that `selects` is the largest, with `validation`; 1/2 when not given.

    Example:
        >>> import torch
        >>> task = Classification(["cat", "dog"])
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
        >>> task.metrics(logits, target)
        {'accuracy': 0.5, 'uar': 0.5, 'macro_f1': 0.3333333333333333}
        >>> task.confidence(logits, target)
        tensor([0.8808, 0.2689])
        >>> ordered = Classification(["low", "medium", "high"], selects="mae")
        >>> likely = torch.tensor([[0.4, 0.3, 0.3]]).log()
        >>> Classification(3).predict(likely), ordered.predict(likely)
        (tensor([0]), tensor([1]))
    """

    metric: str = "accuracy"
    higher_is_better: bool = True

    def __init__(
        self,
        classes: int | Sequence[str],
        weights: Sequence[float] | None = None,
        selects: Selects = "accuracy",
        threshold: float | Literal["validation"] | None = None,
    ) -> None:
        names = (
            [str(c) for c in range(classes)]
            if isinstance(classes, int)
            else [str(c) for c in classes]
        )
        if len(names) < 2:
            raise UserError(f"classification needs 2 classes or more, got {len(names)}")
        if weights is not None and len(weights) != len(names):
            raise UserError(f"got {len(weights)} weights, expected one for each of {len(names)}")
        if weights is not None and not (min(weights) >= 0 and 0 < sum(weights) < math.inf):
            raise UserError(
                f"got weights {list(weights)}, expected numbers from 0, not all of them 0"
            )
        check_choice("selects", selects, get_args(Selects))
        if selects == "mae" and len(names) == 2:
            raise UserError(
                "got selects=mae and 2 classes, for which it measures what accuracy does"
            )
        if threshold is not None and len(names) != 2:
            raise UserError(f"got a threshold and {len(names)} classes, expected 2; leave it out")
        self.class_names = tuple(names)
        self.outputs = len(names)
        self.weights = None if weights is None else torch.tensor(weights, dtype=torch.float32)
        self.metric, self.threshold = selects, threshold
        self.higher_is_better = selects != "mae"

    def loss(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy, weighted by class where weights were given."""
        if self.weights is not None:
            return self.losses(logits, target).mean()
        return F.cross_entropy(at_least_float32(logits), _labels(target, logits))

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each sample."""
        weights = None if self.weights is None else self.weights.to(logits.device)
        return F.cross_entropy(
            at_least_float32(logits), _labels(target, logits), weights, reduction="none"
        )

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """Softmax probability of the true class, Eq. 5."""
        return (
            at_least_float32(logits).softmax(dim=1).gather(1, _indices(target)[:, None]).squeeze(1)
        )

    def constant(self, target: Tensor) -> Tensor:
        """The logarithms of the class frequencies."""
        share = target.bincount(minlength=self.outputs).float() / len(target)
        return share.clamp(min=1e-6).log().expand(len(target), -1)

    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """T² KL(softmax(teacher / T) || softmax(logits / T)), Eq. 3; T² keeps gradients in size."""
        z, t = at_least_float32(logits), at_least_float32(teacher.detach())
        if temperature != 1:
            z, t = z / temperature, t / temperature
        student, target = F.log_softmax(z, dim=1), F.log_softmax(t, dim=1)
        kl = F.kl_div(student, target, reduction="none", log_target=True).sum(dim=1)
        return kl if temperature == 1 else temperature**2 * kl

    def predict(self, logits: Tensor) -> Tensor:
        """The most likely class; of two with a threshold, the second from there on.

        Where `mae` selects, the median: the first class with half of the probability up to it.
        """
        if self.metric == "mae":
            up_to = logits.double().softmax(dim=1).cumsum(dim=1)
            return (up_to < 0.5).sum(dim=1)
        if isinstance(self.threshold, float):
            return (logits.float().softmax(dim=1)[:, 1] >= self.threshold).long()
        return logits.argmax(dim=1)

    @property
    def unsettled(self) -> bool:
        """Whether the threshold is to be chosen."""
        return self.threshold == "validation"

    def settled(self, logits: Tensor, target: Tensor) -> Classification:
        """With the threshold, halfway between two probabilities, at which `metric` is largest."""
        if not self.unsettled:
            return self
        found = copy(self)
        seen = logits.float().softmax(dim=1)[:, 1].unique()
        candidates = [0.5, *((seen[1:] + seen[:-1]) / 2).tolist()]
        if len(candidates) > _MOST:
            candidates = candidates[:: len(candidates) // _MOST + 1]
        scores = {}
        for candidate in candidates:
            found.threshold = candidate
            scores[candidate] = found.metrics(logits, target)[self.metric]
        best = max(scores.values())
        among = [candidate for candidate, score in scores.items() if score == best]
        found.threshold = float(min(among, key=lambda candidate: abs(candidate - 0.5)))
        return found

    def metrics(self, logits: Tensor, target: Tensor) -> dict[str, float]:
        """Accuracy, unweighted average recall (UAR) and macro F1.

        UAR is the mean of the recalls of the classes that the split has; macro F1 that of the F1
        of the classes that it has or that were predicted. With `selects="mae"` it is one of them.
        """
        prediction = self.predict(logits)
        right, predicted, there = self._counts(prediction, target)
        found = {
            "accuracy": (prediction == target).double().mean().item(),
            "uar": (right / there)[there > 0].mean().item(),
            "macro_f1": _macro_f1(right, predicted + there).item(),
        }
        if self.metric == "mae":
            found["mae"] = (prediction - target).abs().double().mean().item()
        return found

    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """1 where the prediction is right, else 0; for balanced accuracy over its class's share.

        Of macro F1, which is no mean over samples, the jackknife's: how much of it goes with the
        sample, around the metric itself. Of `mae`, the error in classes.
        """
        prediction = self.predict(logits)
        if self.metric == "mae":
            return (prediction - target).abs().float()
        right = (prediction == target).float()
        if self.metric == "accuracy":
            return right
        counts = self._counts(prediction, target)
        if self.metric == "uar":
            there = counts[2]
            share = there * (there > 0).sum() / len(target)
            return right / share[target].float()
        pairs, of = torch.stack([target, prediction], dim=1).unique(dim=0, return_inverse=True)
        one = torch.eye(self.outputs, dtype=torch.float64, device=target.device)
        truth, predicted = one[pairs[:, 0]], one[pairs[:, 1]]
        whole = _macro_f1(counts[0], counts[1] + counts[2])
        without = _macro_f1(
            counts[0] - truth * predicted, counts[1] + counts[2] - truth - predicted
        )
        influence = ((len(target) - 1) * (whole - without))[of]
        return (whole + influence - influence.mean()).float()

    def _counts(self, prediction: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """By class: right predictions, predictions, samples."""
        right, predicted, there = (
            classes.bincount(minlength=self.outputs).double()
            for classes in (target[prediction == target], prediction, target)
        )
        return right, predicted, there

    def describe(self) -> dict[str, object]:
        """The description for `task_from`: class names, and options that are not the defaults."""
        described: dict[str, object] = {"kind": "classification", "classes": list(self.class_names)}
        if self.weights is not None:
            described["weights"] = self.weights.tolist()
        if self.metric != "accuracy":
            described["selects"] = self.metric
        if self.threshold is not None:
            described["threshold"] = self.threshold
        return described


def _labels(target: Tensor, logits: Tensor) -> Tensor:
    """Class indices, or a probability of each class, as mixed samples have."""
    soft = target.is_floating_point() and target.shape == logits.shape
    return target if soft else _indices(target)


def _indices(target: Tensor) -> Tensor:
    """The targets, known to be class indices by shape and type alone: values are not looked at."""
    if target.ndim != 1 or target.dtype not in (torch.int64, torch.uint8):
        use = "argmax(dim=1)" if target.ndim == 2 and target.shape[1] > 1 else "flatten().long()"
        raise UserError(
            f"target: got {described(target)}, expected class indices (B,), such as target.{use}"
        )
    return target


def _macro_f1(right: Tensor, seen: Tensor) -> Tensor:
    """The mean F1 over the classes that occur or are predicted, of counts `(..., C)`."""
    there = seen > 0
    each = torch.where(there, 2 * right / seen.clamp(min=1), 0.0)
    return each.sum(dim=-1) / there.sum(dim=-1).clamp(min=1)
