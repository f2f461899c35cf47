"""How far two modalities of a sample are from each other: no labels, no teachers."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from g2d.tasks import MultiLabel, Task

LOWEST, HIGHEST = 0.05, 0.95
# The authors' curve over the 200 epochs of their CREMA-D run, from the constant term up.
_CURVE = (0.204623704, 3.35472727e-3, 1.22989557e-4, -2.92947416e-6, 2.23835486e-8, -5.39717505e-11)
_CURVE_EPOCHS = 200


def matching_divergence(task: Task, one: Tensor, other: Tensor, reversed_: bool = True) -> Tensor:
    """The Jensen-Shannon divergence of two unimodal predictions, its arguments reversed or not.

    (KL(M ‖ P) + KL(M ‖ Q)) / 2 with M = (P + Q) / 2, as released; with the arguments in the usual
    order (KL(P ‖ M) + KL(Q ‖ M)) / 2. For several labels it is the mean over them.

    Args:
        task: Classes, or labels.
        one: Unimodal logits, `(B, C)`.
        other: Those of another modality, `(B, C)`.
        reversed_: Whether the arguments are reversed.

    Returns:
        `(B,)`.

    Source: Yang et al., DLMG, NeurIPS 2024, L_match of the released code.

    Example:
        >>> from g2d import Classification
        >>> one, other = torch.tensor([[1.0, 0.0]]), torch.tensor([[3.0, 2.0]])
        >>> matching_divergence(Classification(2), one, other)
        tensor([0.])
    """
    p, q = _log_probabilities(task, one), _log_probabilities(task, other)
    middle = torch.logaddexp(p, q) - math.log(2)
    if reversed_:
        terms = middle.exp() * (2 * middle - p - q) / 2
    else:
        terms = (p.exp() * (p - middle) + q.exp() * (q - middle)) / 2
    return terms.sum(dim=-1).mean(dim=-1)


def info_nce(
    one: Tensor, other: Tensor, present: Tensor | None = None, temperature: float = 0.07
) -> Tensor:
    """The symmetric contrastive loss of each sample; the others of the batch are negatives.

    Args:
        one: Features of a modality, `(B, d)`; they are normalised here.
        other: Features of another, `(B, d)`.
        present: Which samples have both modalities, bool `(B,)`; `None` for all. A sample that
            lacks one is no negative either, and its own loss means nothing.
        temperature: T.

    Returns:
        `(B,)`.

    Source: van den Oord et al., InfoNCE (arXiv 1807.03748); Yang et al., DLMG, NeurIPS 2024.

    Example:
        >>> info_nce(torch.eye(2), torch.eye(2), temperature=1.0)
        tensor([0.3133, 0.3133])
    """
    one, other = F.normalize(one.float(), dim=1), F.normalize(other.float(), dim=1)
    alike = one @ other.T / temperature
    rows, columns = alike, alike.T
    if present is not None:
        rows, columns = rows.masked_fill(~present, -1e9), columns.masked_fill(~present, -1e9)
    forth, back = rows.log_softmax(dim=1).diagonal(), columns.log_softmax(dim=1).diagonal()
    return -(forth + back) / 2


def dlmg_alpha(epoch: int, epochs: int) -> float:
    """α_e, the weight of the labels: the authors' fitted polynomial, stretched over this run.

    Args:
        epoch: e, from 0.
        epochs: Of the whole run; theirs had 200.

    Returns:
        A number in [0.05, 0.95].

    Source: Yang et al., DLMG, NeurIPS 2024, the fitted curve of the released code.

    Example:
        >>> [round(dlmg_alpha(epoch, 200), 3) for epoch in (0, 50, 100, 150, 180)]
        [0.205, 0.437, 0.539, 0.821, 0.95]
    """
    time = epoch * _CURVE_EPOCHS / epochs
    value = sum(c * time**power for power, c in enumerate(_CURVE))
    return min(max(value, LOWEST), HIGHEST)


def _log_probabilities(task: Task, logits: Tensor) -> Tensor:
    """`(B, 1, C)` for one of C classes, `(B, L, 2)` for L labels."""
    if isinstance(task, MultiLabel):
        return torch.stack([F.logsigmoid(logits.float()), F.logsigmoid(-logits.float())], dim=-1)
    return logits.float().log_softmax(dim=1)[:, None]
