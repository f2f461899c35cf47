"""Predictors of scikit-learn that return logits, as a task has them."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.errors import UserError, require
from g2d.functional.calibration import fit_temperature
from g2d.shallow.vectors import Matrix
from g2d.tasks import Classification, MultiLabel, Regression, Task

# A probability of 0 is taken for this.
_LEAST = 1e-6
# The score of a class that no training row has.
_NEVER = -40.0
# Rows, and labels of them, from which on kernels take too long.
_MANY = 5000


@dataclass(frozen=True)
class Fitted:
    """A predictor that was fitted for a task.

    Attributes:
        task: What is predicted.
        parts: One estimator, or the only class that there was; for several labels one a label, or
            the only value of a label.
        scale: Of regression, the mean and the deviation of the training targets on the unit range.
        place: Among the candidates that it was chosen from.
    """

    task: Task
    parts: Sequence[Any]
    scale: tuple[float, float] = (0.0, 1.0)
    place: int = 0

    def logits(self, matrix: Matrix) -> Tensor:
        """Logits `(N, C)` of some rows."""
        if isinstance(self.task, Regression):
            mean, deviation = self.scale
            unit = mean + deviation * np.asarray(self.parts[0].predict(matrix), np.float64).ravel()
            return torch.from_numpy(unit).float().clamp(0, 1).logit(eps=_LEAST)[:, None]
        if isinstance(self.task, MultiLabel):
            each = [_one_label(part, matrix) for part in self.parts]
            return torch.from_numpy(np.stack(each, axis=1)).float()
        found = np.full((matrix.shape[0], self.task.outputs), np.log(_LEAST))
        if isinstance(self.parts[0], int):
            found[:, self.parts[0]] = 0.0
            return torch.from_numpy(found).float()
        scores, classes = _scores(self.parts[0], matrix)
        found = np.minimum(found, scores.min(axis=1, keepdims=True))
        found[:, classes.astype(np.int64)] = scores
        return torch.from_numpy(found).float()

    def estimators(self) -> list[tuple[Any, NDArray[np.int64]]]:
        """The fitted estimators, each with the outputs that its scores are added to."""
        if isinstance(self.task, Classification):
            if isinstance(self.parts[0], int):
                return []
            classes = self.parts[0].classes_.astype(np.int64)
            return [(self.parts[0], classes[1:] if len(classes) == 2 else classes)]
        numbered = enumerate(self.parts)
        return [(part, np.array([at])) for at, part in numbered if not isinstance(part, bool)]

    def biases(self) -> NDArray[np.float64]:
        """Scores `(C,)` before any estimator adds its own: of what was always or never so, all."""
        if isinstance(self.task, MultiLabel):
            known = {True: -np.log(_LEAST), False: np.log(_LEAST)}
            return np.array([known.get(part, 0.0) for part in self.parts])
        if isinstance(self.task, Regression):
            return np.array([self.scale[0]])
        found = np.full(self.task.outputs, _NEVER)
        part = self.parts[0]
        found[part if isinstance(part, int) else part.classes_.astype(np.int64)] = 0.0
        return found


def cooled(biases: NDArray[np.float64], temperature: float) -> NDArray[np.float64]:
    """Biases at a temperature, which leaves that of a class that is never predicted."""
    return np.where(biases == _NEVER, _NEVER, biases / temperature)


def fit(
    estimator: Any,
    task: Task,
    matrix: Matrix,
    target: Tensor,
    weights: NDArray[np.float64] | None = None,
) -> Fitted:
    """Fits clones of an estimator of scikit-learn.

    Args:
        estimator: A classifier with `predict_proba` or `decision_function`; for regression a
            regressor. It is not changed.
        task: What is predicted. Numbers are fitted with mean 0 and variance 1.
        matrix: `(N, d)`.
        target: As the task has it.
        weights: Of the rows; all the same when not given. Those of weight 0 are not shown to it:
            libsvm and liblinear print lines of their own about a class that has no others.

    Raises:
        UserError: It cannot be fitted, or is of the wrong kind.
    """
    clone = require("sklearn.base", "tables").clone
    if not isinstance(task, Regression):
        _check_classifier(estimator)
    if weights is not None and not weights.all():
        counts = np.flatnonzero(weights)
        matrix, target, weights = matrix[counts], target[counts], weights[counts]
    try:
        if isinstance(task, Regression):
            unit = task.scale(target).double().numpy()
            if task.absolute:  # a few wrong targets have less effect
                unit = unit.clip(0, 1)
            mean, deviation = float(unit.mean()), float(unit.std()) or 1.0
            unit = (unit - mean) / deviation
            return Fitted(task, [_fit(clone(estimator), matrix, unit, weights)], (mean, deviation))
        if isinstance(task, MultiLabel):
            columns = target.numpy().astype(np.int64).T
            parts = [_fit_label(clone(estimator), matrix, bits, weights) for bits in columns]
            return Fitted(task, parts)
        if len(only := target.unique()) == 1:
            return Fitted(task, [int(only)])
        return Fitted(task, [_fit(clone(estimator), matrix, target.numpy(), weights)])
    except (ValueError, TypeError) as error:
        reason = " ".join(str(error).split())
        raise UserError(f"{type(estimator).__name__} cannot be fitted: {reason[:300]}") from None


def choose(
    candidates: Sequence[Any],
    task: Task,
    train: tuple[Matrix, Tensor],
    val: tuple[Matrix, Tensor],
    weights: NDArray[np.float64] | None = None,
) -> Fitted:
    """The estimator whose calibrated loss is least on validation rows.

    A loss distinguishes candidates by fewer rows than accuracy does, and is fair to those that
    are no probabilities once each has the temperature that suits it.
    """
    found = [fit(candidate, task, *train, weights) for candidate in candidates]
    losses = []
    for fitted in found:
        logits = fitted.logits(val[0])
        temperature = fit_temperature(task, logits, val[1])
        losses.append(task.loss(logits / temperature, val[1]).item())
    best = int(np.argmin(losses))
    return replace(found[best], place=best)


def _boosting(task: Task, rows: int) -> list[Any]:
    """Of histograms; small trees beside the usual ones, which overfit few rows."""
    ensemble = require("sklearn.ensemble", "tables")
    make: Any = ensemble.HistGradientBoostingClassifier
    if isinstance(task, Regression):
        make = ensemble.HistGradientBoostingRegressor
    trees = {"max_iter": max(10, min(100, 1000 // task.outputs)), "random_state": 0}
    trees["early_stopping"] = False  # which draws rows to stop by, and a class of one row has none
    small = {"learning_rate": 0.05, "max_leaf_nodes": 8, "min_samples_leaf": 10}
    return [make(**trees), make(**trees, **small)]


def _linear(task: Task, rows: int) -> list[Any]:
    models = require("sklearn.linear_model", "tables")
    if isinstance(task, Regression):
        return [models.Ridge(alpha=alpha) for alpha in (100.0, 10.0, 1.0, 0.1, 0.01)]
    return [models.LogisticRegression(C=c, max_iter=300) for c in (0.1, 1.0, 10.0, 100.0)]


def _svm(task: Task, rows: int) -> list[Any]:
    """Linear, and with a Gaussian kernel where there are few enough rows and labels for one."""
    svm = require("sklearn.svm", "tables")
    if isinstance(task, Regression):
        found = [svm.LinearSVR(C=c, random_state=0, max_iter=2000) for c in (0.1, 1.0)]
        kernels = [svm.SVR(C=c) for c in (1.0, 10.0)]
    else:
        found = [svm.LinearSVC(C=c, random_state=0) for c in (0.1, 1.0)]
        kernels = [svm.SVC(C=c, random_state=0) for c in (1.0, 10.0)]
    labels = task.outputs if isinstance(task, MultiLabel) else 1
    return found + (kernels if rows * labels <= _MANY else [])


# What may stand as a word in the place of an estimator: candidates for a task and a number of rows.
NAMES: Mapping[str, Callable[[Task, int], list[Any]]] = {
    "boosting": _boosting,
    "linear": _linear,
    "svm": _svm,
}


def _check_classifier(estimator: Any) -> None:
    if not (hasattr(estimator, "predict_proba") or hasattr(estimator, "decision_function")):
        raise UserError(
            f"got {type(estimator).__name__}, expected a classifier with predict_proba or "
            "decision_function"
        )


def _fit(
    estimator: Any,
    matrix: Matrix,
    target: NDArray[np.generic],
    weights: NDArray[np.float64] | None,
) -> Any:
    takes = require("sklearn.utils.validation", "tables").has_fit_parameter
    if weights is not None and not takes(estimator, "sample_weight"):
        raise UserError(
            f"{type(estimator).__name__} takes no weights of rows; choose another estimator, or "
            "leave class_weight and weight out"
        )
    with warnings.catch_warnings():
        # a candidate that has not converged is judged like the others
        warnings.simplefilter("ignore")
        if weights is None:
            return estimator.fit(matrix, target)
        return estimator.fit(matrix, target, sample_weight=weights)


def _fit_label(
    estimator: Any,
    matrix: Matrix,
    bits: NDArray[np.int64],
    weights: NDArray[np.float64] | None,
) -> Any:
    only = np.unique(bits)
    return bool(only[0]) if len(only) == 1 else _fit(estimator, matrix, bits, weights)


def _one_label(part: Any, matrix: Matrix) -> NDArray[np.float64]:
    """The logit of one label."""
    if isinstance(part, bool):
        sure = -np.log(_LEAST)
        return np.full(matrix.shape[0], sure if part else -sure)
    scores, _ = _scores(part, matrix)
    difference: NDArray[np.float64] = scores[:, 1] - scores[:, 0]
    return difference


def _scores(estimator: Any, matrix: Matrix) -> tuple[NDArray[np.float64], NDArray[np.generic]]:
    """Logits `(N, c)` and the classes that they are of."""
    if hasattr(estimator, "predict_proba"):
        shares = np.asarray(estimator.predict_proba(matrix), np.float64)
        return np.log(shares.clip(_LEAST, 1)), estimator.classes_
    scores = np.asarray(estimator.decision_function(matrix), np.float64)
    if scores.ndim == 1:
        scores = np.stack([np.zeros_like(scores), scores], axis=1)
    return scores, estimator.classes_
