"""Weights of several models, fitted on rows whose labels are known."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from g2d import functional as F
from g2d.errors import UserError
from g2d.files import atomic
from g2d.table.fusing.kinds import LEAST, holds_probabilities, least_probability
from g2d.table.fusing.matching import FOLDS, check_columns, check_ids, check_labelled, shared_ids
from g2d.table.fusing.one_column import of_both, one_column, positive_of
from g2d.table.fusing.predictions import ID, ModelPredictions, has_ids, ids_of, only_column
from g2d.table.fusing.truth import Meant, classes, say_unlabelled
from g2d.table.predict import in_words, probabilities
from g2d.table.reading.source import read_table
from g2d.table.reading.spreadsheet import harmless
from g2d.tasks import Classification, MultiLabel, Regression, Task, task_from


@dataclass(frozen=True)
class Fused:
    """A fitted ensemble of models.

    Attributes:
        task: What is predicted.
        weights: By model, 0 or more, of its logits.
        probabilities: By model, whether its table holds probabilities.
        least: By model, the probability that stands for 0.
        positive: By model with one column, of which of two classes it is.
        measured: By model, `""` for the ensemble and `without <model>`: metrics on labelled rows,
            the ensembles' by weights of the other folds.
        rows: Labelled rows that the weights were fitted on.
    """

    task: Task
    weights: dict[str, float]
    probabilities: dict[str, bool]
    measured: dict[str, dict[str, float]]
    rows: int
    positive: dict[str, str]
    least: dict[str, float]

    def as_dict(self) -> dict[str, Any]:
        """The ensemble as plain values, for JSON."""
        return {
            "format": 1,
            "task": self.task.describe(),
            "weights": self.weights,
            "probabilities": self.probabilities,
            "measured": self.measured,
            "rows": self.rows,
            "positive": self.positive,
            "least": self.least,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Fused:
        """Restores an ensemble from `as_dict`.

        Raises:
            UserError: It is something else.
        """
        try:
            return cls(
                task_from(content["task"]),
                {name: float(weight) for name, weight in content["weights"].items()},
                {name: bool(content["probabilities"][name]) for name in content["weights"]},
                dict(content["measured"]),
                int(content["rows"]),
                dict(content.get("positive", {})),
                {name: content.get("least", {}).get(name, LEAST) for name in content["weights"]},
            )
        except (KeyError, TypeError, ValueError, AttributeError):
            raise UserError("this is no ensemble; fit one with g2d ensemble --labels") from None

    def predict(
        self, models: Mapping[str, ModelPredictions], given: Mapping[str, bool] | None = None
    ) -> tuple[list[str], Tensor]:
        """Ids of all rows that any model knows, and their fused logits `(N, C)`.

        Args:
            models: The predictions of each for the rows.
            given: By model, whether the user says that it holds probabilities.

        Raises:
            UserError: The models, or their columns, are not those of the fit.
        """
        if set(models) != set(self.weights):
            raise UserError(
                f"got the models {', '.join(models)}, expected {', '.join(self.weights)}; "
                "a model without predictions is a table of its header alone"
            )
        models = {name: models[name] for name in self.weights}
        columns = _names(self.task)
        check_columns(models, columns)
        check_ids(
            {
                name: (predictions.named, len(predictions.listed))
                for name, predictions in models.items()
            }
        )
        for name, predictions in models.items():
            kind = holds_probabilities(
                name, predictions, self.task, (given or {}).get(name), self.probabilities[name]
            )
            if len(predictions.columns) < len(columns):
                positive = positive_of(name, predictions, columns, self.positive.get(name))
                models[name] = of_both(predictions, columns, positive, kind)
        ids = shared_ids(models)
        logits, present = _lined_up(self.task, models, ids, self.probabilities, columns, self.least)
        return ids, F.ensemble_logits(logits, present, torch.tensor([*self.weights.values()]))


def fit_ensemble(
    models: Mapping[str, ModelPredictions],
    labels: Path,
    target: str | None,
    id_column: str | None = None,
    given: Mapping[str, bool] | None = None,
    meant: Meant | None = None,
) -> Fused:
    """Weights of several models, fitted on rows whose labels are known.

    Those must be rows that none of the models was trained on. What the ensemble is worth, with and
    without each model, is measured in five folds: by weights that are fitted on the others.

    Args:
        models: The predictions of each for these rows; a row that a model lacks is missing there.
        labels: The table of the labels.
        target: Its column; the only one beside the id when not given.
        id_column: See `read_predictions`.
        given: By model, whether the user says that it holds probabilities.
        meant: What the user has set for the labels.

    Raises:
        UserError: The tables do not fit each other.
    """
    if len(models) < 2:
        raise UserError("expected the predictions of 2 models or more, as NAME=FILE")
    table = read_table(labels)
    ids = ids_of(table, id_column)
    target = target or only_column(table, id_column)
    meant, given = meant or Meant(), given or {}
    columns = max((predictions.columns for predictions in models.values()), key=len)
    check_columns(models, columns)
    named = {
        name: (predictions.named, len(predictions.listed)) for name, predictions in models.items()
    }
    check_ids({**named, table.name: (has_ids(table, id_column), len(table))})
    if len(columns) == 1:
        task, truth = one_column(table, target, models, meant, bool(given))
    else:
        task, truth = classes(table, target, columns, meant)
    shares = {
        name: holds_probabilities(name, predictions, task, given.get(name))
        for name, predictions in models.items()
    }
    least = {name: least_probability(predictions) for name, predictions in models.items()}
    names, positive = _names(task), {}
    models = dict(models)
    for name, predictions in models.items():
        if len(predictions.columns) < len(names):
            positive[name] = positive_of(name, predictions, names, meant.positive)
            models[name] = of_both(predictions, names, positive[name], shares[name])
    if meant.positive and not positive:
        raise UserError("--positive is for a model's only column, of two classes; leave it out")
    check_labelled(models, ids, table.name)
    say_unlabelled(task, truth)
    logits, present = _lined_up(task, models, ids, shares, names, least)
    known = torch.stack(present).any(dim=0)
    logits = [each[known] for each in logits]
    present, truth = [there[known] for there in present], truth[known]
    weights = F.fit_ensemble_weights(task, logits, truth, present)
    measured = {"": _cross_fitted(task, logits, truth, present)}
    for place, name in enumerate(models):
        there = present[place]
        measured[name] = task.metrics(logits[place][there], truth[there])
        rest = [m for m in range(len(models)) if m != place]
        without = [[part[m] for m in rest] for part in (logits, present)]
        measured[f"without {name}"] = _cross_fitted(task, without[0], truth, without[1])
    fitted = dict(zip(models, weights.tolist(), strict=True))
    return Fused(task, fitted, shares, measured, len(truth), positive, least)


def write_fused(file: Path, fused: Fused, ids: Sequence[str], logits: Tensor) -> None:
    """A table of the fused predictions: id, prediction, and a probability a class."""
    names = _names(fused.task)
    predicted, shares = in_words(fused.task, logits), probabilities(fused.task, logits)
    digits = fused.task.digits if isinstance(fused.task, Regression) else 8
    rows = [
        [
            id,
            value if isinstance(value, str) else f"{value:.{digits}g}",
            *(f"{row[n]:.6g}" for n in names),
        ]
        for id, value, row in zip(ids, predicted, shares, strict=True)
    ]
    with atomic(file) as temporary, temporary.open("w", newline="", encoding="utf-8") as stream:
        for row in ([ID, "prediction", *names], *rows):
            csv.writer(stream).writerow(map(harmless, row))


def _cross_fitted(
    task: Task, logits: list[Tensor], target: Tensor, present: list[Tensor]
) -> dict[str, float]:
    """Metrics of the ensemble, each fold by weights that are fitted on the others."""
    order = np.random.default_rng(0).permutation(len(target))
    fold_of = torch.from_numpy(order % FOLDS)
    fused = torch.zeros(len(target), logits[0].shape[1])
    for fold in range(FOLDS):
        fit, held = fold_of != fold, fold_of == fold
        weights = F.fit_ensemble_weights(
            task, [each[fit] for each in logits], target[fit], [there[fit] for there in present]
        )
        parts = [each[held] for each in logits], [there[held] for there in present]
        fused[held] = F.ensemble_logits(parts[0], parts[1], weights)
    return task.metrics(fused, target)


def _lined_up(
    task: Task,
    models: Mapping[str, ModelPredictions],
    ids: Sequence[str],
    probabilities: Mapping[str, bool],
    columns: Sequence[str],
    least: Mapping[str, float],
) -> tuple[list[Tensor], list[Tensor]]:
    """Logits in the order of some ids and columns, and who has which of the ids."""
    logits, present = [], []
    for name, predictions in models.items():
        place = {one: row for row, one in enumerate(predictions.ids)}
        rows = torch.tensor([place.get(one, -1) for one in ids])
        own = predictions.logits(task, probabilities[name], least[name])
        order = [predictions.columns.index(one) for one in columns] if len(columns) > 1 else [0]
        found = torch.zeros(len(ids), own.shape[1])
        found[rows >= 0] = own[rows[rows >= 0]][:, order]
        logits.append(found)
        present.append(rows >= 0)
    return logits, present


def _names(task: Task) -> tuple[str, ...]:
    if isinstance(task, Classification):
        return task.class_names
    return task.label_names if isinstance(task, MultiLabel) else ()
