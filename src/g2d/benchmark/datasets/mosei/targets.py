"""What may be predicted of a sentiment."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from g2d.data.policies import Division

# Names of the classes; of `regression` there are none.
TARGETS: dict[str, tuple[str, ...]] = {
    "binary": ("negative", "non-negative"),
    "nonzero": ("negative", "positive"),
    "three": ("negative", "neutral", "positive"),
    "regression": (),
}


def classes_of(sentiment: NDArray[np.floating], target: str) -> NDArray[np.int64]:
    """The class of each segment.

    Args:
        sentiment: From -3 to 3, `(N,)`.
        target: "binary", "nonzero" or "three".

    Returns:
        `(N,)`; under "nonzero" a neutral segment has the class of a positive one, and
        `without_neutral` leaves it out.

    Example:
        >>> sentiment = np.array([-1.0, 0.0, 0.3])
        >>> {name: classes_of(sentiment, name).tolist() for name in ("binary", "three")}
        {'binary': [0, 1, 1], 'three': [0, 1, 2]}
    """
    three = target == "three"
    classes: NDArray[np.int64] = (sentiment >= 0).astype(np.int64)
    return classes + (sentiment > 0) if three else classes


def without_neutral(rows: Division, sentiment: NDArray[np.floating]) -> Division:
    """The rows of each split whose sentiment is not 0.

    Example:
        >>> parts = Division(np.array([0, 1]), np.array([2]), np.array([3]))
        >>> without_neutral(parts, np.array([0.0, 1.0, -1.0, 2.0])).train.tolist()
        [1]
    """
    return Division(*(part[sentiment[part] != 0] for part in rows))
