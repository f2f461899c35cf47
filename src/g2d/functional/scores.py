"""How certain each modality's prediction is of the right answer, and the ranking by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.functional.present import sum_over_present
from g2d.tasks import Task

# A teacher that is no surer than this above chance, of all that there is, has learned nothing.
_LEARNED = 0.05


def confidence(task: Task, logits: Tensor, target: Tensor, present: Tensor | None = None) -> Tensor:
    """ρ_m: mean confidence in the right answer, over the samples that have the modality.

    In one sample that is the softmax probability of the true class; for labels the mean over them
    of the probability of the right bit; for regression exp(-|prediction - target| / s), s the
    standard deviation of the training targets.

    Args:
        task: What is predicted.
        logits: A teacher's, or the unimodal logits of a student, `(B, C)`.
        target: As the task has it: `(B,)`, or `(B, L)` for labels.
        present: Which samples have the modality, bool `(B,)`; `None` for all.

    Returns:
        A scalar in [0, 1]; infinite where no sample has the modality, so that it never ranks as
        the weakest. All functions of confidences leave such a modality out.

    Source: Rakib and Bagavathi, G²D, ICCV 2025 (arXiv 2506.21514), Eq. 5.

    Example:
        >>> from g2d import Classification
        >>> logits, target = torch.tensor([[2.0, 0.0], [0.0, 1.0]]), torch.tensor([0, 0])
        >>> confidence(Classification(2), logits, target)
        tensor(0.5749)
        >>> confidence(Classification(2), logits, target, torch.tensor([True, False]))
        tensor(0.8808)
    """
    return confidence_of_sums(*sum_over_present(task.confidence(logits, target), present))


def confidence_of_sums(total: Tensor, count: Tensor) -> Tensor:
    """The mean confidence of a sum over samples and their number; infinite for no samples.

    Example:
        >>> confidence_of_sums(torch.tensor([1.0, 0.0]), torch.tensor([2.0, 0.0]))
        tensor([0.5000,    inf])
    """
    return torch.where(count > 0, total / count.clamp(min=1), torch.inf)


def learning_speed(curve: Sequence[float], chance: float = 0.0) -> float:
    """How early a teacher knew what it knows in the end: 1 from the start, less the later.

    The mean over its epochs of the best held-out confidence so far, as a share of the best of
    all, both above chance. Joint training suppresses the modality that learns late, whether its
    teacher is weak in the end or strong. A modality of pure noise has nothing to learn late: a
    teacher that never got 5 % of the way from chance to certainty counts as fast. With fewer than
    a few hundred held-out samples, luck alone can carry it further.

    Args:
        curve: Held-out confidence after every epoch of the teacher's training, n numbers.
        chance: Confidence of a guess that looks at no input (`Task.chance`).

    Returns:
        A number in (0, 1].

    Raises:
        UserError: There is no epoch.

    Source: this package; it ranks teachers in the place of the confidence of G²D's Eq. 5.

    Example:
        >>> learning_speed([0.5, 0.5, 0.5]), learning_speed([0.2, 0.5, 0.8])
        (1.0, 0.625)
        >>> learning_speed([0.2, 0.5, 0.8], chance=0.2)
        0.5
        >>> learning_speed([0.10, 0.11, 0.12], chance=0.1)  # noise
        1.0
    """
    if not curve:
        raise UserError(
            "there is no curve of the teacher's training; train it anew to rank by speed"
        )
    best = [max(value - chance, 0.0) for value in accumulate(curve, max)]
    if best[-1] < _LEARNED * (1 - chance):
        return 1.0
    return sum(best) / len(best) / best[-1]


def rank(confidence: Mapping[str, float] | Mapping[str, Tensor]) -> tuple[str, ...]:
    """π: modalities from the least to the most confident; ties keep the declared order.

    Args:
        confidence: A number or a scalar tensor for each of k modalities.

    Returns:
        The k names.

    Source: Rakib and Bagavathi, G²D, ICCV 2025 (arXiv 2506.21514), the ranking of Algorithm 1.

    Example:
        >>> rank({"sound": 0.9, "image": 0.4, "text": 0.4})
        ('image', 'text', 'sound')
    """
    return tuple(sorted(confidence, key=lambda name: float(confidence[name])))
