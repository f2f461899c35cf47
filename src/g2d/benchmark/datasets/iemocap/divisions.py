"""How the turns of IEMOCAP are divided."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import SEED, Division, select_on_test
from g2d.errors import UserError

FOLDS = 10
PROTOCOLS = ("clean", "mla_random", "paper")


def divide(protocol: str, fold: int, speakers: NDArray[np.generic]) -> tuple[str, Division]:
    """The rows of the splits, and the name that results carry.

    Args:
        protocol: `clean`, `mla_random` or `paper`.
        fold: Of `clean`, 1 to 10.
        speakers: Of every row, `1F` to `5M`.

    Raises:
        UserError: There is no such fold.
    """
    if protocol == "clean":
        return f"clean-fold{fold}", leave_session_out(speakers, fold)
    parts = random_turns(len(speakers))
    if protocol == "mla_random":
        return "random-turns-leaky", parts
    return "random-turns-leaky-selects-on-test", select_on_test(parts.train, parts.test)


def leave_session_out(speakers: NDArray[np.generic], fold: int) -> Division:
    """Trained on four sessions, tested on one speaker of the fifth, selected on the other.

    Of session s, fold 2s - 1 tests on the woman and fold 2s on the man. Training never sees the
    speakers of val and test, which are in dialogue with each other.

    Raises:
        UserError: There is no such fold.

    Example:
        >>> speakers = np.array(["1F", "2F", "2M", "3M"])
        >>> [rows.tolist() for rows in leave_session_out(speakers, 3)]
        [[0, 3], [2], [1]]
    """
    if not 1 <= fold <= FOLDS:
        raise UserError(f"got fold={fold}, expected 1 to {FOLDS}")
    session, letter = (fold + 1) // 2, "MF"[fold % 2]
    held = np.array([speaker[0] == str(session) for speaker in speakers.tolist()])
    tested = held & (speakers == f"{session}{letter}")
    return Division(*(np.flatnonzero(part) for part in (~held, held & ~tested, tested)))


def random_turns(count: int) -> Division:
    """60 % of all turns, 20 % of all, and the rest, as MLA divides them, by a seed of our own.

    Turns of one dialogue and one speaker are in all three: what is learned is partly the voices.

    Example:
        >>> [len(rows) for rows in random_turns(5531)]
        [3318, 1106, 1107]
    """
    order = np.random.default_rng(SEED).permutation(count)
    train, val = int(0.6 * count), int(0.2 * count)
    parts = np.split(order, [train, train + val])
    return Division(*(np.sort(part) for part in parts))
