"""Training rows set apart to choose epochs and weights, so that validation is left to compare."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.loader import Subset
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.recipes.recipe import digest
from g2d.tasks import Classification

# Training rows that choose the epoch.
_CHOOSE = 1 / 7


def choose_on_train(splits: Splits, seed: int) -> Splits:
    """Splits with some training rows in the place of validation; test as it is.

    Rows of one group stay together, since a group that is known is easier than those to come.

    Raises:
        UserError: There are fewer than two training rows.
    """
    target = splits.train.target
    if len(target) < 2:
        raise UserError(f"{splits.spec.name}: got {len(target)} training rows, expected 2 or more")
    rng = np.random.default_rng(seed)
    labels = target if isinstance(splits.spec.task, Classification) else torch.zeros(len(target))
    groups = splits.train.groups
    if groups is None or len(groups.unique()) == 1:
        chooses = _rows(labels, rng)
    else:
        chooses = _whole_groups(groups.numpy(), labels.numpy(), rng)
    parts = [np.flatnonzero(mask).tolist() for mask in (~chooses, chooses)]
    mark = digest([splits.spec.fingerprint, "choose on train", seed])
    return Splits(
        replace(splits.spec, fingerprint=mark, selects_on_test=False),
        train=Subset(splits.train, parts[0]),
        val=Subset(splits.train, parts[1]),
        test=splits.test,
    )


def _rows(labels: Tensor, rng: np.random.Generator) -> NDArray[np.bool_]:
    """Each seventh row, of every class in proportion; the only row of a class trains."""
    every = round(1 / _CHOOSE)
    places = np.zeros(len(labels), np.int64)
    place = 0
    # counted on from class to class, so that small ones choose as well
    counts = labels.unique(return_counts=True)[1].tolist()
    by_class = labels.argsort(stable=True).split(
        counts
    )  # in the place of a search of all rows for each class
    for own in (rng.permutation(rows.numpy()) for rows in by_class):
        if len(own) > 1:
            places[own] = place + np.arange(len(own))
            place += len(own)
    chooses: NDArray[np.bool_] = places % every == every - 1
    if not chooses.any():
        biggest = max(labels.unique(), key=lambda label: int((labels == label).sum()))
        own = np.flatnonzero((labels == biggest).numpy())
        chooses[own[-1] if len(own) > 1 else -1] = True
    return chooses


def _whole_groups(
    groups: NDArray[np.int64], labels: NDArray[np.generic], rng: np.random.Generator
) -> NDArray[np.bool_]:
    """Groups with a seventh of the rows or more; each class keeps training rows where it can."""
    chooses = np.zeros(len(groups), bool)
    names = rng.permutation(np.unique(groups))
    for name in names:
        more = chooses | (groups == name)
        if len(np.unique(labels[~more])) == len(np.unique(labels)):
            chooses = more
        if chooses.mean() >= _CHOOSE:
            break
    if not chooses.any():
        chooses = groups == names[0]
    return chooses
