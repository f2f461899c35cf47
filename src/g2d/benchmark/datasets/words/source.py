"""A distribution read into memory, and the features of its segments."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation import Sample, UnusableError
from g2d.errors import UserError

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[np.generic]]


class Decode(Protocol):
    """Picks out the arrays of a sample."""

    def __call__(self, sample: Sample) -> Arrays:
        """Decodes the arrays of a sample.

        Raises:
            UnusableError: Something is wrong with them.
        """


@dataclass(frozen=True)
class Source:
    """A distribution, read into memory.

    Attributes:
        kind: Which of a dataset's distributions it is.
        files: The pickles; the first holds which segments are in which part.
        samples: In the order of the folds.
        decode: The arrays of a sample.
        problems: What is wrong with the folds themselves.
        notes: What is not known of them.
    """

    kind: str
    files: Mapping[str, Path]
    samples: list[Sample]
    decode: Decode
    problems: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    def refuse_problems(self) -> None:
        """Refuses folds that have a fault, and warns of what is not known of the others.

        Raises:
            UserError: They have.
        """
        if self.problems:
            file = next(iter(self.files.values())).name
            raise UserError(f"{self.problems[0]}; correct {file}, or obtain it again")
        for note in self.notes:
            logger.warning("%s", note)


def or_zero(read: Callable[[Any], float]) -> Callable[[Any], float]:
    """Wraps the reading of a label: 0 where there is none; such a sample is not usable.

    Args:
        read: Raises `UnusableError` where there is none.
    """

    def label(value: Any) -> float:
        try:
            return read(value)
        except UnusableError:
            return 0

    return label


def steps(values: Any, modality: str, width: int) -> NDArray[np.float32]:
    """Features of the words one after the other, `(T, width)`.

    Args:
        values: What the file has.
        modality: Its name, for errors.
        width: Features of one word.

    Raises:
        UnusableError: They are not that, or there is no word.

    Example:
        >>> steps([[1, 2], [3, 4], [5, 6]], "audio", 2).shape
        (3, 2)
    """
    try:
        with np.errstate(over="ignore"):
            array = np.asarray(values, dtype=np.float32)
    except (ValueError, TypeError):
        raise UnusableError(f"{modality} is not made of rows of numbers") from None
    if array.size == 0:
        raise UnusableError(f"{modality} has no words")
    if array.ndim != 2 or array.shape[1] != width:
        raise UnusableError(f"{modality} has shape {array.shape}, expected (words, {width})")
    return array


def aligned(arrays: Arrays) -> Arrays:
    """Checks that each modality has a row for every word.

    Raises:
        UnusableError: The numbers of words differ.
    """
    if len({len(array) for array in arrays.values()}) > 1:
        each = ", ".join(f"{name} {len(array)}" for name, array in arrays.items())
        raise UnusableError(f"the numbers of words differ: {each}")
    return arrays


def from_first_word(arrays: Arrays) -> Arrays:
    """Leaves out what comes before the first word that has a vector.

    Files that are filled up in front have rows of zeros there.

    Raises:
        UnusableError: No word has a vector.

    Example:
        >>> filled = {"text": np.array([[0.0], [2.0], [0.0]]), "audio": np.array([[0], [7], [8]])}
        >>> from_first_word(filled)["audio"].tolist()
        [[7], [8]]
    """
    spoken = np.flatnonzero(arrays["text"].any(axis=1))
    if not len(spoken):
        raise UnusableError("none of its words has a vector")
    return {name: array[spoken[0] :] for name, array in arrays.items()}
