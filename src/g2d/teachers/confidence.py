"""How sure the teachers are of the right answer (Eq. 5), and the ranking that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.ranks import sum_over_ranks
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank


def batch_confidence(teachers: TeacherBank, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """Mean confidence of every teacher over some batches and all processes, Eq. 5.

    The mean goes over the samples in which the modality is present. A modality present in none
    gets infinity: there is nothing it could learn from, so it never ranks as the weakest.

    Returns:
        A scalar tensor a modality, on the device on which the bank keeps its confidence.
    """
    sums = dict.fromkeys(teachers.modalities, torch.zeros(()))
    counts = dict.fromkeys(teachers.modalities, torch.zeros(()))
    for batch in batches:
        for name, values in teachers.confidence(batch).items():
            mask = batch.present.get(name)
            there = torch.ones_like(values) if mask is None else mask.to(values)
            values = torch.where(there > 0, values, 0)  # also where they are nan
            sums[name] = sums[name].to(values.device) + values.sum()
            counts[name] = counts[name].to(values.device) + there.sum()
    total, count = sum_over_ranks(
        torch.stack([torch.stack(list(sums.values())), torch.stack(list(counts.values()))])
    )
    means = torch.where(count > 0, total / count.clamp(min=1), torch.inf)
    return dict(zip(teachers.modalities, means, strict=True))


def mean_confidence(teachers: TeacherBank, batches: Iterable[Batch]) -> dict[str, float]:
    """Mean confidence of every teacher over a whole loader.

    On validation data this is the held-out confidence: what a teacher has learned rather than
    what it has memorised.

    Raises:
        UserError: The teachers are cached, and so know one split only.

    Example:
        >>> from g2d import Batch, Classification, OnlineTeachers, UnimodalModel
        >>> sound = UnimodalModel("sound", torch.nn.Linear(4, 8), width=8, outputs=2)
        >>> _ = torch.nn.init.zeros_(sound.head.weight)
        >>> batch = Batch({"sound": torch.randn(3, 4)}, torch.tensor([0, 1, 1]), torch.arange(3))
        >>> mean_confidence(OnlineTeachers({"sound": sound}, Classification(2)), [batch])
        {'sound': 0.5}
    """
    if not teachers.any_data:
        raise UserError(
            "cached teachers answer for the samples of their own split only; measure confidence "
            "with OnlineTeachers, or take the cache's own mean_confidence()"
        )
    return {name: value.item() for name, value in batch_confidence(teachers, batches).items()}


# A teacher that is no surer than this above chance, of all that there is, has learned nothing.
_LEARNED = 0.05


def learning_speed(curve: Sequence[float], chance: float = 0.0) -> float:
    """How early a teacher knew what it knows in the end: 1 from the start, less the later.

    The mean over its epochs of the best held-out confidence so far, as a share of the best of
    all, both above chance. Joint training drowns out the modality that learns late, whether its
    teacher is weak in the end or strong. A modality of pure noise has nothing to learn late: a
    teacher that never got 5 % of the way from chance to certainty counts as fast. With fewer than
    a few hundred held-out samples, luck alone can carry it further.

    Args:
        curve: Held-out confidence after every epoch of the teacher's training.
        chance: Confidence of a guess that looks at no input (`Task.chance`).

    Raises:
        UserError: There is no epoch.

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


def learning_speeds(
    curves: Mapping[str, Sequence[float]],
    task: Task,
    target: Tensor,
    present: Mapping[str, ArrayLike] | None = None,
) -> dict[str, float]:
    """The learning speed of every teacher, above the chance level of the samples that it knows.

    Args:
        curves: Held-out confidence after every epoch of a teacher's training, by modality.
        task: Says what a guess is worth.
        target: Of all held-out samples, `(N, ...)`.
        present: For modalities that can be missing, which samples have them, bool `(N,)`.

    Raises:
        UserError: There is no epoch.

    Example:
        >>> from g2d import Classification
        >>> target, there = torch.tensor([0, 0, 0, 1]), torch.tensor([True, False, False, True])
        >>> learning_speeds({"a": [0.6, 0.7]}, Classification(2), target, {"a": there})
        {'a': 0.75}
    """
    found = {}
    for name, curve in curves.items():
        there = (present or {}).get(name)
        own = target if there is None else target[torch.as_tensor(there, dtype=torch.bool)]
        found[name] = learning_speed(curve, task.chance(own))
    return found


def speed_scores(speed: Mapping[str, float], heldout: Mapping[str, float]) -> dict[str, float]:
    """What is ranked by, where it is learning speed: who is as fast ranks by held-out confidence.

    Example:
        >>> rank(speed_scores({"a": 1.0, "b": 1.0, "c": 0.5}, {"a": 0.9, "b": 0.4, "c": 0.9}))
        ('c', 'b', 'a')
    """
    return {name: value + 1e-6 * heldout[name] for name, value in speed.items()}


def rank(confidence: Mapping[str, float] | Mapping[str, Tensor]) -> tuple[str, ...]:
    """Modalities from the least to the most confident; ties keep the declared order.

    Example:
        >>> rank({"sound": 0.9, "image": 0.4, "text": 0.4})
        ('image', 'text', 'sound')
    """
    return tuple(sorted(confidence, key=lambda name: float(confidence[name])))
