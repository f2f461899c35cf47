"""One column of numbers a model: of one of two classes, or predictions of a number."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.table.columns.targets import read_target
from g2d.table.fusing.kinds import is_probability
from g2d.table.fusing.matching import some
from g2d.table.fusing.predictions import ModelPredictions, plain_numbers
from g2d.table.fusing.truth import Meant, Places, usable
from g2d.table.reading.cells import Cell, number_of, without_points
from g2d.table.reading.source import Table
from g2d.tasks import Classification, Regression, Task
from g2d.wording import listed

logger = logging.getLogger(__name__)

# Of two classes that are called so, in this order, a column of numbers is of the second.
_PAIRS = (["0", "1"], ["-1", "1"], ["no", "yes"], ["false", "true"])
_OF = re.compile(r"p\((.*)\)", re.IGNORECASE)  # as g2d's own predictions are called
_UNNAMED = "0"  # pandas calls a column so that has no name
# From the middle of the labels, in ranges of theirs.
_FAR = 10


def one_column(
    table: Table, target: str, models: Mapping[str, ModelPredictions], meant: Meant, given: bool
) -> tuple[Task, Tensor]:
    """The task and the labels, where each model has one column.

    Labels of two classes and numbers from 0 to 1 are classes and a probability.

    Args:
        table: Of the labels.
        target: Their column.
        models: The predictions of each.
        meant: What the user has set for the labels.
        given: Whether the user says that there are probabilities or logits.

    Raises:
        UserError: The labels may be either, or are more than two classes.
    """
    if meant.order or meant.task == "multilabel":
        option = "--order" if meant.order else "--task multilabel"
        raise UserError(f"{option} takes a column for each class, and every model has one column")
    (cells,) = plain_numbers([table.column(target)])
    if meant.task == "classification" or (
        meant.task == "auto"
        and _are_classes(table.name, target, cells, models, bool(meant.positive) or given)
    ):
        found = usable(table, target, read_target(cells, target, "classification"))
        if len(found.names) > 2:
            raise UserError(
                f"{table.name}: {target!r} holds {len(found.names)} classes ({some(found.names)}), "
                "and each model has one column; expected a column for each class"
            )
        return Classification(found.names), torch.from_numpy(found.values).long()
    found = usable(table, target, read_target(cells, target, "regression"))
    truth = torch.from_numpy(found.values)
    _warn_far(models, truth)
    everything = torch.cat([truth, *(predictions.values[:, 0] for predictions in models.values())])
    return _roomy(Regression.fit(everything)), truth


def _roomy(task: Regression) -> Regression:
    """Widens the range of a regression by its own width on both sides.

    Logits are weighed, and at the ends of the range a small difference is one of many logits.
    """
    width = task.high - task.low
    return Regression(task.low - width, task.high + width, task.std)


def positive_of(
    name: str, predictions: ModelPredictions, classes: Sequence[str], given: str | None = None
) -> str:
    """Which of two classes a model's column is of.

    That which the column is called by, or which is given; else `1`, `yes` or `true` of such two.

    Args:
        name: The model's.
        predictions: Those of the model, in one column.
        classes: The two.
        given: What the user says, or what it was in the fit.

    Raises:
        UserError: It is not known, or the column and the user disagree.
    """
    place_of, column = Places(classes), predictions.columns[0]
    called = _called(column, classes)
    if given is not None:
        place = place_of(given)
        if place is None:
            raise UserError(f"--positive: got {given!r}, expected {' or '.join(classes)}")
        if called not in (None, place):
            raise UserError(
                f"{name}: its column is called {column!r}, and --positive, or the fit, takes "
                f"its numbers for those of {classes[place]!r}; give those, or rename the column"
            )
        return classes[place]
    if called is not None:
        return classes[called]
    plain, words = _plain(classes), re.split(r"[\W_]+", column.casefold())
    if sorted(plain) in _PAIRS:
        other, usual = sorted(plain)
        if other not in words or usual in words:  # `prob_no` is hardly the probability of yes
            return classes[plain.index(usual)]
    raise UserError(
        f"{name}: one column, {column!r}, and the classes are {listed(classes)}; give "
        "the one it is of: --positive CLASS, or call the column so"
    )


def _called(column: str, classes: Sequence[str]) -> int | None:
    """Which of the classes a column is called by, as `No` or `p(no)`."""
    inner = _OF.fullmatch(column)
    place_of = Places([one.casefold() for one in classes])
    names = [] if column == _UNNAMED else [column]
    places = [place_of(name.casefold()) for name in [*names, *(inner.groups() if inner else ())]]
    return next((place for place in places if place is not None), None)


def of_both(
    predictions: ModelPredictions, classes: Sequence[str], positive: str, probabilities: bool
) -> ModelPredictions:
    """A column for each of two classes, made of the one of the positive class."""
    own = predictions.values[:, 0]
    other = 1 - own if probabilities else torch.zeros_like(own)
    values = torch.stack([own if one == positive else other for one in classes], dim=1)
    return replace(predictions, columns=tuple(classes), values=values)


def _warn_far(models: Mapping[str, ModelPredictions], truth: Tensor) -> None:
    """Warns of the prediction that is so far from all labels that it may stand for none."""
    low, high = float(truth.min()), float(truth.max())
    for name, predictions in models.items():
        beyond = (predictions.values[:, 0] - (low + high) / 2).abs()
        if high > low and len(beyond) and float(beyond.max()) > _FAR * (high - low):
            row = int(beyond.argmax())
            logger.warning(
                "%s: predicts %g in row %s, and labels go from %g to %g; if that stands for no "
                "prediction, leave the cell empty",
                *(name, float(predictions.values[row, 0]), predictions.ids[row], low, high),
            )


def _plain(classes: Collection[str]) -> list[str]:
    """Names of classes without capitals, and without the point of whole numbers."""
    return [str(one) for one in without_points([one.casefold() for one in classes])]


def _are_classes(
    name: str,
    target: str,
    cells: Sequence[Cell],
    models: Mapping[str, ModelPredictions],
    given: bool,
) -> bool:
    """Whether labels beside one column of numbers are classes.

    Raises:
        UserError: They may be either.
    """
    there = {cell for cell in without_points(cells) if cell is not None}
    numbers = not any(math.isnan(number_of(cell)) for cell in there)
    if len(there) < 2:  # which is refused, as one class is nothing to tell apart
        return True
    if len(there) > 2:
        return given or all(math.isnan(number_of(cell)) for cell in there)
    if given or not numbers or all(bool(is_probability(m.values).all()) for m in models.values()):
        return True
    if sorted(_plain(there)) in _PAIRS:
        raise UserError(
            f"{name}: {target!r} holds {listed(sorted(there))}, and some numbers of "
            "the models lie outside 0 to 1; if they are predictions of a number, give --task "
            "regression, if they are logits of a class, --task classification"
        )
    return False
