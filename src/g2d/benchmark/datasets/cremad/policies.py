"""The ways in which the clips of CREMA-D are divided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division, Rows, by_group, clean, select_on_test
from g2d.errors import UserError

POLICIES = ("clean", "paper", "agm", "actor")


def divide(
    policy: str,
    part: NDArray[np.generic],
    label: NDArray[np.generic],
    actor: NDArray[np.generic],
) -> Division:
    """The rows of the three splits.

    Args:
        policy: `clean` cuts a tenth of train off as validation, `paper` selects on test, `agm`
            takes AGM's subsets, `actor` keeps the actors of the splits apart.
        part: `train` or `test`, of every row.
        label: Class of every row.
        actor: Of every row.

    Raises:
        UserError: There is no such policy.
    """
    train, test = (np.flatnonzero(part == name) for name in ("train", "test"))
    if policy == "clean":
        return clean(train, test, label)
    if policy == "paper":
        return select_on_test(train, test)
    if policy == "agm":
        return agm(train, test)
    if policy == "actor":
        return by_group(actor)
    raise UserError(f"got protocol {policy!r}, expected one of {', '.join(POLICIES)}")


def agm(train: Rows, test: Rows) -> Division:
    """The subsets of AGM's code, in the order of the lists.

    The first nine tenths of train are trained on, the first nine tenths of test select the model,
    and the rest of both, which AGM never reports on, is the test. The supplement's 6027, 669 and
    745 clips are these.

    Example:
        >>> [len(rows) for rows in agm(np.arange(6697), np.arange(6697, 7441))]
        [6027, 669, 745]
    """
    kept, seen = int(0.9 * len(train)), int(0.9 * len(test))
    return Division(train[:kept], test[:seen], np.concatenate([train[kept:], test[seen:]]))
