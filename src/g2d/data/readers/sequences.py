"""Sequences of different lengths, standardised, cut or filled up to one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Standard deviations from the mean; what lies beyond is moved there.
_FAR = 5.0

Gaps: TypeAlias = Literal["zero", "mean"]


class Sequences(Protocol):
    """The interface of `g2d.data.store.RaggedArray`: an array `(T, d)` a row, each of its own T."""

    def __getitem__(self, row: int) -> NDArray[np.generic]: ...


class Scale(NamedTuple):
    """Mean and standard deviation of every feature, both `(d,)`."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def fit_scale(
    arrays: Iterable[NDArray[np.generic]], at_once: int = 4096, gaps: Gaps = "zero"
) -> Scale:
    """Mean and population standard deviation over all steps of some sequences.

    A few thousand steps are taken at a time, and moments put together as in Chan, Golub and
    LeVeque, *Updating formulae and a pairwise algorithm for computing sample variances*, 1979,
    Eq. 2.1, so that a feature with a mean far from zero loses no digits. A feature that never
    changes has the standard deviation 1.

    Args:
        arrays: `(T, d)` each.
        at_once: Steps that are held in memory at a time, or those of the longest sequence.
        gaps: What a number that is not finite counts as: "zero", or "mean" to leave it out.

    Example:
        >>> fit_scale([np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 5.0]])]).mean.tolist()
        [3.0, 5.0]
        >>> fit_scale([np.array([[1.0], [np.nan], [3.0]])], gaps="mean").mean.tolist()
        [2.0]
    """
    count, mean, squares = np.zeros(1), np.zeros(1), np.zeros(1)
    lowest, highest = np.full(1, np.inf), np.full(1, -np.inf)
    for array in _gathered(arrays, at_once):
        values = _finite(array)
        seen = np.isfinite(array) if gaps == "mean" else np.ones(values.shape, bool)
        here = seen.sum(axis=0)
        own = values.sum(axis=0) / np.maximum(here, 1)
        apart = own - mean
        total = count + here
        squares = squares + np.where(seen, (values - own) ** 2, 0).sum(axis=0)
        squares = squares + apart**2 * (count * here / np.maximum(total, 1))
        mean = mean + apart * (here / np.maximum(total, 1))
        lowest = np.minimum(lowest, np.where(seen, values, np.inf).min(axis=0))
        highest = np.maximum(highest, np.where(seen, values, -np.inf).max(axis=0))
        count = total
    # Decided by the values themselves: rounding leaves a constant a tiny deviation.
    constant = (lowest >= highest) | (squares <= 0)
    return Scale(mean, np.where(constant, 1.0, np.sqrt(squares / np.maximum(count, 1))))


def _gathered(arrays: Iterable[NDArray[np.generic]], at_once: int) -> Iterator[NDArray[np.generic]]:
    """The same steps in fewer arrays."""
    held: list[NDArray[np.generic]] = []
    steps = 0
    for array in arrays:
        held.append(array)
        steps += len(array)
        if steps >= at_once:
            yield np.concatenate(held)
            held, steps = [], 0
    if steps:
        yield np.concatenate(held)


class SequenceReader:
    """Sequences as batches of one length, filled up at the end with zeros.

    Numbers that are not finite become 0, then x = clip((v - μ) / σ, ±5) by the training steps'
    mean and standard deviation; without a `train` the numbers stay as they are. What is filled up
    is zero after that, so that a step of zeros is padding and no other step is. Where such numbers
    are gaps of a measurement, `gaps="mean"` leaves them out of the statistics and makes them 0
    after standardising; a step in which nothing was measured is then padding too.

    Args:
        sequences: `(T, d)` for every row of the store.
        steps: Length of every sequence that comes out.
        train: Rows whose steps give the mean and the deviation.
        keep: Whether the first or the last steps of a longer sequence are kept.
        gaps: What numbers that are not finite become: "zero", or the training "mean".

    Example:
        >>> sequences = [np.array([[1.0], [3.0]]), np.array([[5.0], [np.nan], [1.0]])]
        >>> SequenceReader(sequences, 3).read(np.array([0, 1]))[..., 0]
        tensor([[1., 3., 0.],
                [5., 0., 1.]])
        >>> SequenceReader(sequences, 3, train=np.array([0])).read(np.array([0]))[..., 0]
        tensor([[-1.,  1.,  0.]])
        >>> measured = [np.array([[1.0, 7.0], [np.nan, 7.0], [3.0, 9.0]])]
        >>> SequenceReader(measured, 3, np.array([0]), gaps="mean").read(np.array([0]))[..., 0]
        tensor([[-1.,  0.,  1.]])
    """

    augments = False

    def __init__(
        self,
        sequences: Sequences,
        steps: int,
        train: NDArray[np.integer] | None = None,
        keep: Literal["first", "last"] = "first",
        gaps: Gaps = "zero",
    ) -> None:
        self._sequences, self._steps, self._keep, self._gaps = sequences, steps, keep, gaps
        kept = None if train is None else map(self._kept, train.tolist())
        self._scale = None if kept is None else fit_scale(kept, gaps=gaps)

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Reads sequences, `(B, steps, d)` float32."""
        found = [self._read(row) for row in rows.tolist()]
        batch = torch.zeros(len(found), self._steps, found[0].shape[1] if found else 0)
        for place, values in enumerate(found):
            batch[place, : len(values)] = torch.from_numpy(values)
        return batch

    def _kept(self, row: int) -> NDArray[np.generic]:
        whole = self._sequences[row]
        return whole[: self._steps] if self._keep == "first" else whole[-self._steps :]

    def _read(self, row: int) -> NDArray[np.float32]:
        kept = self._kept(row)
        values = _finite(kept)
        if self._scale is not None:
            values = ((values - self._scale.mean) / self._scale.std).clip(-_FAR, _FAR)
            if self._gaps == "mean":
                values[~np.isfinite(kept)] = 0
        return values.astype(np.float32)


def _finite(array: NDArray[np.generic]) -> NDArray[np.float64]:
    values = np.array(array, dtype=np.float64)
    values[~np.isfinite(values)] = 0
    return values
