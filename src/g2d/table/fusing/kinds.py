"""What the numbers of a table of predictions are: probabilities or logits."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from torch import Tensor

from g2d.errors import UserError
from g2d.table.fusing.predictions import ModelPredictions
from g2d.tasks import Classification, Regression, Task

KINDS = ("logits", "probabilities")

# So far from 1 is the sum of a softmax in half precision.
_INEXACT = 0.02
# What single precision leaves of a number that was rounded to some digits.
_SINGLE = 1e-7
# So far beyond 0 or 1 is a probability after some arithmetic.
_SMALL = 1e-6
_MOST_DIGITS = 6
# Stands for 0 where nothing was rounded.
LEAST = 1e-6
# Counts of votes have one sum in all rows; fewer rows may have it by chance.
_VOTES = 5


def holds_probabilities(
    name: str,
    predictions: ModelPredictions,
    task: Task,
    given: bool | None = None,
    fitted: bool | None = None,
) -> bool:
    """Whether a model's numbers are probabilities, and not logits; without a row, what is known.

    Probabilities lie from 0 to 1, and those of classes have a sum of 1 in every row, apart
    from rounding to the digits that are shown.

    Args:
        name: The model's.
        predictions: Its predictions.
        task: What is predicted; numbers are neither.
        given: Whether the user says that they are.
        fitted: What they were in the rows that an ensemble was fitted on.

    Raises:
        UserError: They may be either, or are neither, or not what they were.
    """
    if isinstance(task, Regression) or not len(predictions.values):
        return bool(given if fitted is None else fitted)
    found: bool | None = given
    if given is None:
        found, why = _look(name, predictions, task)
        if found is None and fitted is not False:  # a few rows of logits may look like anything
            raise UserError(
                f"{name}: {why}; else give --of {name}=probabilities or --of {name}=logits"
            )
    elif given and (outside := ~is_probability(predictions.values)).any():
        row = int(outside.any(dim=1).nonzero()[0])
        number = float(predictions.values[outside][0])
        raise UserError(
            f"{name}: --of gives it as probabilities, and row {predictions.ids[row]} has "
            f"{number:g}; expected numbers from 0 to 1"
        )
    found = bool(found)
    if fitted is not None and found != fitted:
        raise UserError(
            f"{name}: holds {KINDS[found]}, and the ensemble was fitted on its {KINDS[fitted]}; "
            f"give the same, or --of {name}={KINDS[fitted]} if they are"
        )
    return found


def least_probability(predictions: ModelPredictions) -> float:
    """The value for a probability of 0: half of what is rounded to 0, on average.

    Example:
        >>> shares = torch.tensor([[0.25, 0.75], [0.0, 1.0]])
        >>> least_probability(ModelPredictions(["1", "2"], ("a", "b"), shares, ["1", "2"]))
        0.0025
    """
    digits = _digits(predictions.values.double())
    return max(0.25 * 10.0**-digits, LEAST) if 0 < digits <= _MOST_DIGITS else LEAST


def kinds_given(words: Sequence[str], models: Collection[str]) -> dict[str, bool]:
    """Reads the option `--of`: `logits` for all models, or `photo=logits` for one.

    Raises:
        UserError: It is neither, or of another model.

    Example:
        >>> kinds_given(["logits", "note=probabilities"], ["photo", "note"])
        {'photo': False, 'note': True}
    """
    found: dict[str, bool] = {}
    for word in words:
        name, _, kind = word.rpartition("=")
        if kind not in KINDS or (name and name not in models):
            raise UserError(
                f"--of: got {word!r}, expected probabilities or logits, or of one model, as "
                f"{next(iter(models), 'photo')}=logits"
            )
        found |= dict.fromkeys([name] if name else models, kind == KINDS[True])
    return found


def is_probability(values: Tensor) -> Tensor:
    """Which numbers may be probabilities, bool of the same shape."""
    return (values >= -_SMALL) & (values <= 1 + _SMALL)


def _look(name: str, predictions: ModelPredictions, task: Task) -> tuple[bool | None, str]:
    """What the numbers look like; `None`, and why, where they may be either."""
    values = predictions.values.double()
    one_of_several = isinstance(task, Classification) and values.shape[1] > 1
    if is_probability(values).all():
        wrong = _unexplained(values) if one_of_several else torch.zeros(0, dtype=torch.bool)
        if not wrong.any():
            return True, ""
        row = int(wrong.nonzero()[0])
        return None, (
            f"all numbers lie from 0 to 1, as probabilities do, but row {predictions.ids[row]} "
            f"sums to {float(values[row].sum()):.3g} ({int(wrong.sum())} of {len(wrong)} rows are "
            "such); correct that"
        )
    if (values < 0).any():
        return False, ""
    sums = values.sum(dim=1)
    percent = float(values.max()) <= 100 and not _unexplained(values / 100).any()
    votes = len(sums) >= _VOTES and float(sums.max() - sums.min()) < _INEXACT * float(sums.mean())
    if one_of_several and (percent or votes):
        raise UserError(
            f"{name}: the rows of the table sum to {100 if percent else float(sums.mean()):g}; "
            "write shares from 0 to 1, not percent or counts"
        )
    most = int(values.max(dim=0).values.argmax())
    return None, (
        f"no number is negative, as some logits are, and the largest is {float(values.max()):g} "
        f"({predictions.columns[most]}), as no probability is; write percent as shares from 0 to "
        "1, and take out columns that are no prediction"
    )


def _unexplained(values: Tensor) -> Tensor:
    """Rows whose sum is not 1, and was not before their numbers were rounded, bool `(N,)`."""
    digits = _digits(values)
    # numbers without any digit after the point are decisions, and nothing was rounded away
    half = 0.5 * 10.0**-digits if 0 < digits <= _MOST_DIGITS else 0.0
    sums = values.sum(dim=1)
    least = sums - half * (values > 0).sum(dim=1)
    most = sums + half * values.shape[1]
    return (least > 1 + _INEXACT) | (most < 1 - _INEXACT)


def _digits(values: Tensor) -> int:
    """To how many digits after the point all numbers are rounded; one more than are tried."""
    for digits in range(_MOST_DIGITS + 1):
        if bool(((values - values.round(decimals=digits)).abs() <= _SINGLE).all()):
            return digits
    return _MOST_DIGITS + 1
