"""Sequences of different lengths, standardised, cut or filled up to one length."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal, NamedTuple, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

# Standard deviations from the mean; what lies beyond is moved there.
_FAR = 5.0


class Sequences(Protocol):
    """One array `(T, d)` for every row of a store, T its own: `g2d.data.store.RaggedArray`."""

    def __getitem__(self, row: int) -> NDArray[np.generic]: ...


class Scale(NamedTuple):
    """Mean and standard deviation of every feature, both `(d,)`."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]


def fit_scale(arrays: Iterable[NDArray[np.generic]], at_once: int = 4096) -> Scale:
    """Mean and population standard deviation over all steps of some sequences.

    A few thousand steps are taken at a time, and moments put together as in Chan, Golub and
    LeVeque, *Updating formulae and a pairwise algorithm for computing sample variances*, 1979,
    Eq. 2.1, so that a feature with a mean far from zero loses no digits. A feature that never
    changes has the standard deviation 1.

    Args:
        arrays: `(T, d)` each; numbers that are not finite count as 0.
        at_once: Steps that are held in memory at a time, or those of the longest sequence.

    Example:
        >>> fit_scale([np.array([[1.0, 5.0], [3.0, 5.0]]), np.array([[5.0, 5.0]])]).mean.tolist()
        [3.0, 5.0]
    """
    count, mean, squares = 0, np.zeros(1), np.zeros(1)
    lowest, highest = np.full(1, np.inf), np.full(1, -np.inf)
    for array in _gathered(arrays, at_once):
        values = _finite(array)
        own = values.mean(axis=0)
        apart = own - mean
        total = count + len(values)
        squares = squares + ((values - own) ** 2).sum(axis=0)
        squares = squares + apart**2 * (count * len(values) / total)
        mean = mean + apart * (len(values) / total)
        lowest = np.minimum(lowest, values.min(axis=0))
        highest = np.maximum(highest, values.max(axis=0))
        count = total
    # Said by the values themselves: rounding leaves a constant a tiny deviation.
    constant = (lowest >= highest) | (squares <= 0)
    return Scale(mean, np.where(constant, 1.0, np.sqrt(squares / max(count, 1))))


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
    is zero after that, so that a step of zeros is padding and no other step is.

    Args:
        sequences: `(T, d)` for every row of the store.
        steps: Length of every sequence that comes out.
        train: Rows whose steps say what the mean and the deviation are.
        keep: Whether the first or the last steps of a longer sequence are kept.

    Example:
        >>> sequences = [np.array([[1.0], [3.0]]), np.array([[5.0], [np.nan], [1.0]])]
        >>> SequenceReader(sequences, 3).read(np.array([0, 1]))[..., 0]
        tensor([[1., 3., 0.],
                [5., 0., 1.]])
        >>> SequenceReader(sequences, 3, train=np.array([0])).read(np.array([0]))[..., 0]
        tensor([[-1.,  1.,  0.]])
    """

    augments = False

    def __init__(
        self,
        sequences: Sequences,
        steps: int,
        train: NDArray[np.integer] | None = None,
        keep: Literal["first", "last"] = "first",
    ) -> None:
        self._sequences, self._steps, self._keep = sequences, steps, keep
        self._scale = None if train is None else fit_scale(map(self._kept, train.tolist()))

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Those sequences, `(B, steps, d)` float32."""
        found = [self._read(row) for row in rows.tolist()]
        batch = torch.zeros(len(found), self._steps, found[0].shape[1] if found else 0)
        for place, values in enumerate(found):
            batch[place, : len(values)] = torch.from_numpy(values)
        return batch

    def _kept(self, row: int) -> NDArray[np.generic]:
        whole = self._sequences[row]
        return whole[: self._steps] if self._keep == "first" else whole[-self._steps :]

    def _read(self, row: int) -> NDArray[np.float32]:
        values = _finite(self._kept(row))
        if self._scale is not None:
            values = ((values - self._scale.mean) / self._scale.std).clip(-_FAR, _FAR)
        return values.astype(np.float32)


def _finite(array: NDArray[np.generic]) -> NDArray[np.float64]:
    values = np.array(array, dtype=np.float64)
    values[~np.isfinite(values)] = 0
    return values
