"""Multi-label classification: any number of labels a sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.errors import UserError
from g2d.tasks.base import Task, described


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
        {'accuracy': 0.5, 'exact_match': 0.0, 'f1': 0.6666666666666666, 'macro_f1': 0.5, 'map': 1.0}
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
        return F.binary_cross_entropy_with_logits(logits.float(), self._bits(target))

    def losses(self, logits: Tensor, target: Tensor) -> Tensor:
        """Binary cross-entropy of each sample, the mean over labels."""
        each = F.binary_cross_entropy_with_logits(
            logits.float(), self._bits(target), reduction="none"
        )
        return each.mean(dim=1)

    def confidence(self, logits: Tensor, target: Tensor) -> Tensor:
        """Mean over labels of the probability of the right bit."""
        probability = logits.float().sigmoid()
        return torch.where(self._bits(target) > 0.5, probability, 1 - probability).mean(dim=1)

    def _bits(self, target: Tensor) -> Tensor:
        if target.ndim != 2 or target.shape[1] != self.outputs:
            raise UserError(
                f"target: got {described(target)}, expected 0 or 1 for each of the labels, "
                f"(B, {self.outputs})"
            )
        return target.float()

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
        """Share of right bits and of samples right in every bit, F1, macro F1 and mAP.

        F1 counts the labels of all samples together; macro F1 is the mean over the labels that the
        split has or that were predicted; mAP that of the average precision of those that it has.
        """
        predicted, truth = self.predict(logits).bool(), target > 0.5
        right = predicted == truth
        both = (predicted & truth).sum(dim=0).double()
        either = predicted.sum(dim=0).double() + truth.sum(dim=0)
        nan = float("nan")
        seen = (2 * both / either)[either > 0]
        precision = [
            _average_precision(logits[:, label], truth[:, label])
            for label in truth.any(dim=0).nonzero().flatten().tolist()
        ]
        return {
            "accuracy": right.double().mean().item(),
            "exact_match": right.all(dim=1).double().mean().item(),
            "f1": (2 * both.sum() / either.sum()).item() if either.any() else nan,
            "macro_f1": seen.mean().item(),
            "map": torch.stack(precision).mean().item() if precision else nan,
        }

    def terms(self, logits: Tensor, target: Tensor) -> Tensor:
        """Each sample's share of right bits."""
        return (self.predict(logits) == target.long()).float().mean(dim=1)

    def describe(self) -> dict[str, object]:
        """The description for `task_from`: the label names."""
        return {"kind": "multilabel", "labels": list(self.label_names)}


def _average_precision(logits: Tensor, truth: Tensor) -> Tensor:
    """Mean over the samples that have the label of the precision among those ranked no lower."""
    scores, order = logits.double().sort(descending=True)
    hits = truth[order].double().cumsum(dim=0)
    # equal scores have one rank
    last = torch.searchsorted(-scores, -scores, right=True) - 1
    return (hits[last] / (last + 1))[truth[order]].mean()
