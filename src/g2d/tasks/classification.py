"""One class a sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor

from g2d.errors import UserError
from g2d.tasks.base import Task, at_least_float32


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
        return F.cross_entropy(at_least_float32(logits), target)

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Cross-entropy of each sample."""
        return F.cross_entropy(at_least_float32(logits), target, reduction="none")

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """Softmax probability of the true class, Eq. 5."""
        return at_least_float32(logits).softmax(dim=1).gather(1, target[:, None]).squeeze(1)

    def constant(self, target: Tensor) -> Tensor:
        """The logarithms of the class frequencies."""
        share = target.bincount(minlength=self.outputs).float() / len(target)
        return share.clamp(min=1e-6).log().expand(len(target), -1)

    def divergence(self, logits: Tensor, teacher: Tensor, temperature: float = 1.0) -> Tensor:
        """T² KL(softmax(teacher / T) || softmax(logits / T)), Eq. 3; T² keeps gradients in size."""
        student = F.log_softmax(at_least_float32(logits) / temperature, dim=1)
        target = F.log_softmax(at_least_float32(teacher.detach()) / temperature, dim=1)
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
