"""What both distributions of UR-FUNNY have in common."""

from __future__ import annotations

from typing import Any

import numpy as np

from g2d.data.preparation import UnusableError

# COVAREP, OpenFace 2, GloVe: features of one word
WIDTHS = {"audio": 81, "visual": 371, "text": 300}
CLASSES = ("not humorous", "humorous")


def checked_label(value: Any, allowed: tuple[int, ...]) -> int:
    """1 where the punchline is funny.

    Raises:
        UnusableError: It is none of the labels of the distribution.
    """
    try:
        number = float(np.asarray(value, dtype=np.float64).reshape(()))
    except (ValueError, TypeError):
        number = float("nan")
    if number not in allowed:
        raise UnusableError(
            f"its label is {str(value).strip('[]')[:20]}, expected one of {allowed}"
        )
    return int(number >= 1)
