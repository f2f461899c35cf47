"""How sure the teachers are of the right answer (Eq. 5), and the ranking that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import torch
from numpy.typing import ArrayLike
from torch import Tensor

from g2d.batch import Batch
from g2d.errors import UserError
from g2d.functional.present import sum_over_present
from g2d.functional.scores import confidence_of_sums, learning_speed
from g2d.ranks import sum_over_ranks
from g2d.tasks import Task
from g2d.teachers.bank import TeacherBank, as_batch


def batch_confidence(teachers: TeacherBank, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """Mean confidence of every teacher over some batches and all processes, Eq. 5.

    The mean goes over the samples in which the modality is present. A modality present in none
    gets infinity: there is nothing it could learn from, so it never ranks as the weakest.

    Returns:
        A scalar tensor a modality, on the device on which the bank keeps its confidence.
    """
    sums = dict.fromkeys(teachers.modalities, torch.zeros(2))
    for batch in map(as_batch, batches):
        for name, values in teachers.confidence(batch).items():
            pair = sum_over_present(values, batch.present.get(name))
            sums[name] = sums[name].to(pair.device) + pair
    total, count = sum_over_ranks(torch.stack(list(sums.values()))).unbind(dim=1)
    return dict(zip(teachers.modalities, confidence_of_sums(total, count), strict=True))


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
            "cached teachers predict for the samples of their own split only; measure confidence "
            "with OnlineTeachers, or take the cache's own mean_confidence()"
        )
    return {name: value.item() for name, value in batch_confidence(teachers, batches).items()}


def learning_speeds(
    curves: Mapping[str, Sequence[float]],
    task: Task,
    target: Tensor,
    present: Mapping[str, ArrayLike] | None = None,
) -> dict[str, float]:
    """The learning speed of every teacher, above the chance level of the samples that it knows.

    Args:
        curves: Held-out confidence after every epoch of a teacher's training, by modality.
        task: Gives the confidence of a guess.
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
    """The scores of a ranking by learning speed; equally fast teachers rank by confidence.

    Example:
        >>> from g2d.functional import rank
        >>> rank(speed_scores({"a": 1.0, "b": 1.0, "c": 0.5}, {"a": 0.9, "b": 0.4, "c": 0.9}))
        ('c', 'b', 'a')
    """
    return {name: value + 1e-6 * heldout[name] for name, value in speed.items()}
