"""Weights of the ensemble and of a blend, fitted on rows that they are not compared on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from g2d import functional as F
from g2d.table.auto.candidates import Weight
from g2d.table.auto.round_folder import CandidatePredictions
from g2d.tasks import Task

# For every fold, the predictions of each modality alone, or of each member.
Folds = Sequence[Mapping[str, CandidatePredictions]]


def stacked(
    task: Task, folds: Folds, ensemble: Sequence[CandidatePredictions]
) -> list[CandidatePredictions]:
    """The ensemble's predictions with weights that the rows of the other folds have chosen.

    The rows that choose the epochs are few, a seventh of a fold's training rows, and weights
    fitted on them are worse than those of the model that is kept. With one fold nothing changes.

    Args:
        task: Of the predictions.
        folds: The predictions of each modality alone, for every fold.
        ensemble: The predictions of the ensemble, for every fold.

    Source: Breiman, *Stacked Regressions*, 1996.
    """
    if len(folds) < 2:
        return list(ensemble)
    found = []
    for number, (own, before) in enumerate(zip(folds, ensemble, strict=True)):
        weights = _weights(task, [fold for n, fold in enumerate(folds) if n != number])
        each = torch.tensor([weights[name] for name in own])
        masks = [_present(one) for one in own.values()]
        logits = F.ensemble_logits([_raw(one) for one in own.values()], masks, each)
        found.append(replace(before, logits=logits, weights=weights))
    return found


def blended(task: Task, folds: Folds) -> list[CandidatePredictions]:
    """The members' logits, added with weights that the rows of the other folds have chosen.

    With one fold each half of its rows has the weights of the other half.

    Args:
        task: Of the predictions.
        folds: The predictions of each member, for every fold.

    Source: Breiman, *Stacked Regressions*, 1996.
    """
    if len(folds) == 1:
        halves = [{name: _rows(one, half) for name, one in folds[0].items()} for half in (0, 1)]
        even, odd = blended(task, halves)
        logits = torch.empty(len(even.target) + len(odd.target), even.logits.shape[1])
        logits[0::2], logits[1::2] = even.logits, odd.logits
        target = next(iter(folds[0].values())).target
        weights = {name: (even.weights[name] + odd.weights[name]) / 2 for name in even.weights}
        return [replace(even, logits=logits, target=target, weights=weights)]
    found = []
    for number, own in enumerate(folds):
        fitted = blend_weights(task, [fold for n, fold in enumerate(folds) if n != number])
        weights = {name: weight.value for name, weight in fitted.items()}
        each = torch.tensor(list(weights.values()))
        logits = F.ensemble_logits([own[name].logits for name in weights], weights=each)
        first = next(iter(own.values()))
        seconds = sum(one.own for one in own.values())
        taught = max(one.seconds - one.own for one in own.values())
        found.append(CandidatePredictions(logits, first.target, seconds + taught, seconds, weights))
    return found


def blend_weights(task: Task, folds: Folds) -> dict[str, Weight]:
    """The weights of the members that all rows choose."""
    names = list(folds[0])
    known = torch.cat([_known(fold[names[0]]) for fold in folds])
    target = torch.cat([fold[names[0]].target for fold in folds])[known]
    logits = [torch.cat([fold[name].logits for fold in folds])[known] for name in names]
    weights, shares = F.fit_blend_weights(task, logits, target)
    return {
        name: Weight(float(f"{weight:.4g}"), share)
        for name, weight, share in zip(names, weights.tolist(), shares.tolist(), strict=True)
    }


def _known(one: CandidatePredictions) -> Tensor:
    everybody = torch.ones(len(one.target), dtype=torch.bool)
    return one.known if one.known is not None and one.known.any() else everybody


def _rows(one: CandidatePredictions, half: int) -> CandidatePredictions:
    known = None if one.known is None else one.known[half::2]
    return replace(one, logits=one.logits[half::2], target=one.target[half::2], known=known)


def useless(task: Task, folds: Folds) -> tuple[str, ...]:
    """Modalities that bring nothing to an ensemble fitted on all rows that compare; never all."""
    return tuple(name for name, weight in _weights(task, folds).items() if weight == 0)


def _weights(task: Task, folds: Folds) -> dict[str, float]:
    names = list(folds[0])
    logits = [torch.cat([_raw(fold[name]) for fold in folds]) for name in names]
    masks = [torch.cat([_present(fold[name]) for fold in folds]) for name in names]
    target = torch.cat([fold[names[0]].target for fold in folds])
    fitted = F.fit_ensemble_weights(task, logits, target, masks)
    return dict(zip(names, fitted.tolist(), strict=True))


def _raw(one: CandidatePredictions) -> Tensor:
    return one.logits if one.raw is None else one.raw


def _present(one: CandidatePredictions) -> Tensor:
    return torch.ones(len(one.target), dtype=torch.bool) if one.present is None else one.present
