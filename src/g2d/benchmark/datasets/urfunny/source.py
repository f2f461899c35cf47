"""What both distributions of UR-FUNNY have in common."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation import Sample, UnusableError

# COVAREP, OpenFace 2, GloVe: features of one word
WIDTHS = {"audio": 81, "visual": 371, "text": 300}
CLASSES = ("not humorous", "humorous")
Arrays = Mapping[str, NDArray[np.generic]]


class Decode(Protocol):
    """Picks out the arrays of a sample."""

    def __call__(self, sample: Sample) -> Arrays:
        """The arrays.

        Raises:
            UnusableError: Something is wrong with them.
        """


@dataclass(frozen=True)
class Source:
    """A distribution, read into memory.

    Attributes:
        kind: `sdk` or `multibench`.
        files: The pickles.
        samples: In the order of the folds.
        decode: The arrays of a sample.
        problems: What is wrong with the folds themselves.
    """

    kind: str
    files: Mapping[str, Path]
    samples: list[Sample]
    decode: Decode
    problems: tuple[str, ...] = ()


def steps(values: Any, modality: str) -> NDArray[np.float32]:
    """Features of the words one after the other, `(T, d)`.

    Raises:
        UnusableError: They are not that, or there is no word.
    """
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(values, dtype=np.float32)
    except (ValueError, TypeError):
        raise UnusableError(f"{modality} is not made of rows of numbers") from None
    if array.size == 0:
        raise UnusableError(f"{modality} has no words")
    if array.ndim != 2 or array.shape[1] != WIDTHS[modality]:
        raise UnusableError(
            f"{modality} has shape {array.shape}, expected (words, {WIDTHS[modality]})"
        )
    return array


def aligned(arrays: Arrays) -> Arrays:
    """The same, with a row for every word in each modality.

    Raises:
        UnusableError: The numbers of words differ.
    """
    if len({len(array) for array in arrays.values()}) > 1:
        each = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise UnusableError(f"the numbers of words differ: {each}")
    return arrays


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
