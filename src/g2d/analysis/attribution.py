"""How much of the fused prediction's score is owed to which modality: exact Shapley values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.analysis.sampling import on_device_of
from g2d.analysis.scores import score_samples
from g2d.batch import Batch
from g2d.errors import UserError
from g2d.figures import blank, save, without_box
from g2d.models.multimodal import MultimodalModel
from g2d.tasks import Task

# 2^k coalitions are scored.
_MOST = 12

Scores = Mapping[frozenset[str], NDArray[np.float64]]


@dataclass(frozen=True)
class Attribution:
    """The contribution of every modality to the score of the fused prediction.

    Attributes:
        by_sample: Shapley value of every sample's score, `(N,)` a modality.
        nothing: The score where every modality is replaced by its mean.
        everything: The score with all modalities.
    """

    by_sample: Mapping[str, NDArray[np.float64]]
    nothing: float
    everything: float

    @property
    def values(self) -> dict[str, float]:
        """Shapley value of every modality; their sum is `everything - nothing`."""
        return {name: float(rows.mean()) for name, rows in self.by_sample.items()}

    def plot(self, path: Path) -> Path:
        """Draws the values as bars into a file."""
        values = self.values
        figure = blank(5.6, 0.9 + 0.45 * len(values))
        axis = figure.subplots()
        axis.barh(list(values), list(values.values()), color="#0072B2", height=0.6)
        axis.invert_yaxis()
        axis.axvline(0, color="0.6", linewidth=1)
        axis.set_xlabel("score of the fused prediction that is owed to it")
        without_box(axis)
        return save(figure, path)


@torch.no_grad()
def mean_inputs(model: MultimodalModel, batches: Iterable[Batch]) -> dict[str, Tensor]:
    """The mean of what every modality gives to the fusion, `(d_m,)`, over training batches.

    Of token sequences it is the mean token; samples whose modality is absent do not count.
    """
    model.eval()
    sums: dict[str, Tensor] = {}
    counts: dict[str, Tensor] = {}
    for batch in on_device_of(model, batches):
        given = model(batch).fusion_inputs
        for name, value in model.fusion.pooled(given or {}).items():
            rows = value.double().cpu()
            mask = batch.present.get(name)
            there = torch.ones(len(rows), dtype=torch.bool) if mask is None else mask.bool().cpu()
            sums[name] = sums.get(name, torch.zeros(())) + rows[there].sum(dim=0)
            counts[name] = counts.get(name, torch.zeros(())) + there.sum()
    return {name: (sums[name] / counts[name].clamp(min=1)).float() for name in sums}


def attribute(
    model: MultimodalModel,
    batches: Iterable[Batch],
    task: Task,
    means: Mapping[str, Tensor],
) -> Attribution:
    """Shapley values of the score (Shapley, 1953) over every coalition of modalities.

    φ_m = Σ_{S ∌ m} |S|! (k - |S| - 1)! / k! [v(S + m) - v(S)], where v(S) is the score of the fused
    prediction when all modalities outside S are replaced by their mean training feature, as in
    the unimodal logits of fusions (`models/fusion/ablation.py`).

    Args:
        model: A trained model.
        batches: Held-out samples.
        task: Gives the score: accuracy, share of right bits, or R².
        means: From `mean_inputs`, over training data.

    Raises:
        UserError: There are more than 12 modalities.
    """
    return shapley(coalition_scores(model, batches, task, means), model.modalities)


@torch.no_grad()
def coalition_scores(
    model: MultimodalModel,
    batches: Iterable[Batch],
    task: Task,
    means: Mapping[str, Tensor],
) -> Scores:
    """v(S) of every sample and every coalition S; see `attribute`.

    Returns:
        `(N,)` scores by the set of the modalities that are not replaced.

    Raises:
        UserError: There are more than 12 modalities.
    """
    names = model.modalities
    if len(names) > _MOST:
        raise UserError(f"got {len(names)} modalities; exact Shapley values are for up to {_MOST}")
    groups = [frozenset(g) for size in range(len(names) + 1) for g in combinations(names, size)]
    logits: dict[frozenset[str], list[Tensor]] = {group: [] for group in groups}
    targets: list[Tensor] = []
    model.eval()
    for batch in on_device_of(model, batches):
        given = model(batch).fusion_inputs or {}
        stand_ins = {
            name: means[name].to(value).expand(len(value), *[1] * (value.ndim - 2), -1)
            for name, value in given.items()
        }
        targets.append(batch.target.cpu())
        for group in groups:
            mixed = {name: given[name] if name in group else stand_ins[name] for name in names}
            logits[group].append(model.fusion(mixed, batch.present or None)[0].float().cpu())
    target = torch.cat(targets)
    return {g: score_samples(task, torch.cat(parts), target) for g, parts in logits.items()}


def shapley(scores: Scores, names: Sequence[str]) -> Attribution:
    """The Shapley values of every sample's score.

    Args:
        scores: By coalition, from `coalition_scores`.
        names: All modalities.
    """
    by_sample = {}
    for name in names:
        value = np.zeros(len(scores[frozenset()]))
        for group, before in scores.items():
            if name not in group:
                value += _weight(len(group), len(names)) * (scores[group | {name}] - before)
        by_sample[name] = value
    return Attribution(
        by_sample, float(scores[frozenset()].mean()), float(scores[frozenset(names)].mean())
    )


def _weight(size: int, count: int) -> float:
    return factorial(size) * factorial(count - size - 1) / factorial(count)
