"""A predictor of one modality as a teacher, with logits of rows that it was not fitted on."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.functional.calibration import fit_temperature
from g2d.shallow.predictors import NAMES, choose, fit
from g2d.shallow.vectors import Matrix, Rows, ShortVectors
from g2d.tasks import MultiLabel, Task

_FOLDS = 5
# The most rows that an expert is fitted on.
_ROWS = 20_000


def check_expert(expert: Any, where: str) -> None:
    """Refuses an estimator that cannot teach.

    Args:
        expert: A word, or an estimator of scikit-learn.
        where: How to call it in the error.

    Raises:
        UserError: It is neither.
    """
    known = ", ".join(NAMES)
    if isinstance(expert, str):
        if expert not in NAMES:
            raise UserError(f"{where}: there is no expert {expert!r}; known: {known}")
    elif isinstance(expert, type) or not (hasattr(expert, "fit") and hasattr(expert, "get_params")):
        raise UserError(
            f"{where}: got {expert!r}, expected {known}, or an estimator of scikit-learn, made "
            "(HistGradientBoostingClassifier())"
        )


def fit_expert(splits: Splits, modality: str, expert: Any, seed: int = 0) -> dict[str, Tensor]:
    """Calibrated logits of one modality on every split, of training rows out of fold.

    A predictor knows the rows that it was fitted on too well to teach from them. So the training
    rows are cut into five folds, and each fold is predicted from the other four. Rows of the
    other splits are predicted by one fitted on all training rows. All logits are divided by the
    temperature that suits validation.

    Args:
        splits: The data.
        modality: What the expert sees.
        expert: `boosting`, `linear` or `svm`, the candidate chosen on validation; or an estimator
            of scikit-learn, which gets TF-IDF (sparse) or standardised numbers `(N, d)`.
        seed: Of the folds.

    Returns:
        By split (test only where it is not withheld) logits `(N, C)`; 0 where the modality is
        absent.

    Raises:
        UserError: It cannot be fitted.
    """
    task = splits.spec.task
    vectors = ShortVectors(splits.spec, splits.train, _ROWS, names=(modality,))
    train, val = vectors.train, vectors.read_all(splits.val)
    own, held = train.having(modality), val.having(modality)

    def seen(rows: Rows) -> Matrix:
        """A word's expert sees modalities as the floors do; an estimator sees plain numbers."""
        return rows.joined([modality]) if isinstance(expert, str) else rows.vectors[modality]

    matrix, target = seen(train)[own], train.target[own]
    pairs = (matrix, target), (seen(val)[held], val.target[held])
    candidates = NAMES[expert](task, len(own)) if isinstance(expert, str) else [expert]
    weights = None if vectors.weights is None else vectors.weights[own]
    whole = choose(candidates, task, *pairs, weights)
    best = candidates[whole.place]
    temperature = fit_temperature(task, whole.logits(pairs[1][0]), pairs[1][1])
    fold_of = _folds(task, target, seed)
    folds = [
        fit(
            best,
            task,
            matrix[np.flatnonzero(rows)],
            target[rows],
            None if weights is None else weights[rows],
        )
        for rows in (fold_of != fold for fold in range(fold_of.max() + 1))
    ]
    out: dict[str, Tensor] = {}
    for name, split in splits.measured().items():
        parts = []
        for part in vectors.read(split):
            there = part.having(modality)
            logits = torch.zeros(len(part.target), task.outputs)
            if len(there):
                logits[there] = whole.logits(seen(part)[there])
            parts.append(logits)
        out[name] = torch.cat(parts) / temperature
    # rows beyond those that were fitted on were in no fold: what all of them say is out of fold
    rows = vectors.rows[own]
    for fold, fitted in enumerate(folds):
        inside = np.flatnonzero(fold_of == fold)
        out["train"][rows[inside]] = fitted.logits(matrix[inside]) / temperature
    return out


def _folds(task: Task, target: Tensor, seed: int) -> NDArray[np.int64]:
    """The fold of each row, drawn so that folds are alike in classes, or in numbers."""
    order = np.random.default_rng(seed).permutation(len(target))
    if not isinstance(task, MultiLabel):
        order = order[np.argsort(target.numpy()[order], kind="stable")]
    count = min(_FOLDS, len(target))
    if count < 2:
        raise UserError("an expert needs 2 training rows or more that have its modality")
    fold_of = np.empty(len(target), np.int64)
    fold_of[order] = np.arange(len(target)) % count
    return fold_of
