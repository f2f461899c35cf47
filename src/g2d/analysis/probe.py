"""What a linear model can read off a frozen encoder's features."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from g2d.analysis.features import Features, Floats
from g2d.analysis.scores import score_samples
from g2d.errors import UserError, require
from g2d.tasks import Classification, MultiLabel, Regression, Task

# Strengths of the L2 penalty, as scikit-learn counts them: the least penalty last.
STRENGTHS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


@dataclass(frozen=True)
class Probe:
    """The scores of a fitted probe.

    Attributes:
        by_sample: What every sample of the scored split adds to the score; `nan` where the modality
            is absent.
        strength: The penalty's inverse, chosen on validation.
    """

    by_sample: Floats
    strength: float


def linear_probe(
    task: Task, modality: str, train: Features, val: Features, test: Features
) -> Probe:
    """Fits on `train`, chooses the penalty on `val`, scores `test`.

    Logistic regression for classes, one for each label of multi-label targets, ridge regression
    for numbers, on features scaled to the training features' mean and deviation. It knows nothing
    of the fusion: a modality that the head ignores may still have learned features.

    Args:
        task: Gives the score: accuracy, share of right bits, or R².
        modality: Whose features.
        train: Fitted on these, frozen.
        val: The penalty with the best score here is taken.
        test: Scored.

    Raises:
        UserError: scikit-learn is not installed, or training samples are of one class.
    """
    require("sklearn", "sklearn")
    inputs, target = train.having(modality)
    centre, scale = inputs.mean(axis=0), inputs.std(axis=0)
    scale = np.where(scale > 1e-12, scale, 1.0)

    def scaled(rows: Floats) -> Floats:
        moved: Floats = (rows - centre) / scale
        return moved

    if isinstance(task, Classification) and len(target.unique()) < 2:
        raise UserError(f"all training samples of {modality!r} are of one class; nothing to fit")
    best: tuple[float, Any, float] | None = None
    for strength in STRENGTHS:
        fitted = _fit(task, scaled(inputs), target, strength)
        rows, truth = val.having(modality)
        score = float(score_samples(task, _logits_of(task, fitted, scaled(rows)), truth).mean())
        if best is None or score > best[0]:
            best = score, fitted, strength
    assert best is not None
    _, fitted, strength = best
    rows, truth = test.having(modality)
    found = score_samples(task, _logits_of(task, fitted, scaled(rows)), truth)
    whole = np.full(len(test.target), np.nan)
    whole[test.there[modality]] = found
    return Probe(whole, strength)


def _fit(task: Task, inputs: Floats, target: Tensor, strength: float) -> Any:
    from sklearn.dummy import DummyClassifier
    from sklearn.linear_model import LogisticRegression, Ridge

    truth = target.numpy()
    if isinstance(task, Classification):
        return LogisticRegression(C=strength, max_iter=2000).fit(inputs, truth)
    if isinstance(task, MultiLabel):
        return [
            (
                LogisticRegression(C=strength, max_iter=2000)
                if len(np.unique(bits)) > 1
                else DummyClassifier()
            ).fit(inputs, bits)
            for bits in (truth > 0.5).T
        ]
    return Ridge(alpha=1 / strength).fit(inputs, truth)


def _logits_of(task: Task, fitted: Any, inputs: Floats) -> Tensor:
    """The probe's predictions as logits that the task reads as it reads a model's."""
    if isinstance(task, Classification):
        predicted = torch.from_numpy(fitted.predict(inputs).astype(np.int64))
        return torch.nn.functional.one_hot(predicted, task.outputs).double()
    if isinstance(task, MultiLabel):
        bits = np.stack([one.predict(inputs) for one in fitted], axis=1)
        return torch.from_numpy(np.where(bits, 1.0, -1.0))
    assert isinstance(task, Regression)
    # Numbers outside the training range are moved to its ends, as a model's are.
    unit = task.scale(torch.from_numpy(fitted.predict(inputs)))
    return unit.logit(eps=1e-6)[:, None]
