"""How the rows of a dataset are divided: the policies that datasets have in common.

`clean` cuts validation out of the training part, and test is used once; `paper` trains on all
of the training part and selects on test, as the paper's code does: its numbers are the best of as
many evaluations on test as there were epochs.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from g2d.data.partition import stratified_parts
from g2d.errors import UserError

Rows = NDArray[np.int64]
SEED = 999  # the paper's, everywhere


class Division(NamedTuple):
    """The rows of the three splits."""

    train: Rows
    val: Rows
    test: Rows

    @property
    def selects_on_test(self) -> bool:
        """Whether validation and test are the same rows."""
        return self.val is self.test


def clean(train: Rows, test: Rows, labels: NDArray[np.generic]) -> Division:
    """A stratified tenth of the training rows becomes validation, always the same.

    The part that stays is rounded down.

    Args:
        train: The official training rows.
        test: The official test rows.
        labels: Class of every row of the store.

    Example:
        >>> divided = clean(np.arange(20), np.arange(20, 24), np.arange(24) % 2)
        >>> len(divided.train), len(divided.val), np.bincount(divided.val % 2).tolist()
        (18, 2, [1, 1])
    """
    kept = int(0.9 * len(train))
    rng = np.random.default_rng(SEED)
    val, rest = stratified_parts(labels[train], [len(train) - kept, kept], rng)
    return Division(np.sort(train[rest]), np.sort(train[val]), test)


def select_on_test(train: Rows, test: Rows) -> Division:
    """Trains on all training rows and selects on test in every epoch."""
    return Division(train, test, test)


def by_group(
    groups: NDArray[np.generic],
    shares: Sequence[float] = (0.8, 0.1, 0.1),
    seed: int = SEED,
) -> Division:
    """No group (speaker, actor, session, ...) is in two splits.

    Whole groups are dealt out in a random order until each split has about its share of rows.

    Args:
        groups: Group of every row.
        shares: Of train, val and test.
        seed: Of the order.

    Raises:
        UserError: There are fewer than three groups.

    Example:
        >>> divided = by_group(np.repeat(np.arange(10), 5))
        >>> [len(rows) for rows in divided]
        [40, 5, 5]
    """
    names, sizes = np.unique(groups, return_counts=True)
    if len(names) < 3:
        raise UserError(f"got {len(names)} groups, expected 3 or more to divide by group")
    order = np.random.default_rng(seed).permutation(len(names))
    # a group belongs where its middle falls when all rows are laid in a line, group by group
    middle = np.cumsum(sizes[order]) - sizes[order] / 2
    bounds = np.cumsum(shares)[:2] / np.sum(shares) * len(groups)
    part = np.searchsorted(bounds, middle)
    part[-1] = 2
    if not (part == 1).any():
        part[-2] = 1
    part[0] = 0
    rows = [np.flatnonzero(np.isin(groups, names[order[part == p]])) for p in range(3)]
    return Division(*rows)
