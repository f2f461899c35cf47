"""Metrics of the fused prediction for each pattern of modalities that samples have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.engine.evaluate import Evaluation
from g2d.methods.validation import FUSED
from g2d.tasks import Task


def with_patterns(
    evaluation: Evaluation,
    task: Task,
    modalities: Sequence[str],
    there: Mapping[str, NDArray[np.bool_]] | None = None,
) -> Evaluation:
    """The evaluation, with metrics for each set of modalities that some sample has.

    With V modalities there are up to 2^V - 1 of them. The whole split's metrics stay what they
    are. Where nothing is absent there is nothing to add.

    Args:
        evaluation: Of a split.
        task: Gives the metrics.
        modalities: All of them, in the declared order.
        there: Which samples of the split have which modality, where batches do not have the masks.

    Example:
        >>> from g2d import Classification
        >>> measured = Evaluation(
        ...     logits={"fused": torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])},
        ...     target=torch.tensor([0, 1, 1]),
        ...     index=torch.arange(3),
        ...     present={"sound": torch.tensor([True, True, False])},
        ...     metrics={},
        ... )
        >>> found = with_patterns(measured, Classification(2), ("sound", "image")).patterns
        >>> {name: (values["n"], values["accuracy"]) for name, values in found.items()}
        {'sound+image': (2, 1.0), 'image': (1, 0.0)}
    """
    if there is None:
        masks = dict(evaluation.present)
    else:
        masks = {name: torch.from_numpy(rows)[evaluation.index] for name, rows in there.items()}
    if all(bool(mask.all()) for mask in masks.values()):
        return evaluation
    everyone = torch.ones(len(evaluation.target), dtype=torch.bool)
    has = torch.stack([masks.get(name, everyone) for name in modalities], dim=1)
    found: dict[str, dict[str, float]] = {}
    for size in range(len(modalities), -1, -1):
        for chosen in combinations(range(len(modalities)), size):
            pattern = torch.zeros(len(modalities), dtype=torch.bool)
            pattern[list(chosen)] = True
            rows = (has == pattern).all(dim=1)
            if bool(rows.any()):
                name = "+".join(modalities[i] for i in chosen) or "none"
                found[name] = _measured(evaluation, task, rows)
    return replace(evaluation, patterns=found)


def _measured(evaluation: Evaluation, task: Task, rows: Tensor) -> dict[str, float]:
    metrics = task.metrics(evaluation.logits[FUSED][rows], evaluation.target[rows])
    return {"n": int(rows.sum()), **metrics}
