"""Short vectors of samples, for predictors without a network."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from g2d.batch import Batch
from g2d.data.loader import Subset, limit
from g2d.data.splits import DatasetSpec, Split
from g2d.errors import require
from g2d.models.encoders.short_vector import ShortVector, TfIdf
from g2d.models.encoders.summaries import SUMMARIES
from g2d.tasks import Classification, Task

# (N, d), an array or a sparse matrix of scipy.
Matrix = Any
Presence = dict[str, NDArray[np.bool_]]
# Samples that are read at once, and numbers that are fitted on at most.
_CHUNK, _NUMBERS = 1024, 5e7


@dataclass(frozen=True)
class Rows:
    """Samples as the inputs of predictors without a network.

    Attributes:
        vectors: By modality, `(N, d_m)`: TF-IDF of words (sparse, rows of length 1), else numbers
            with mean 0 and variance 1 over the training samples; 0 where a modality is absent.
        target: As the task has it.
        present: Which samples have each modality, bool `(N,)`.
    """

    vectors: dict[str, Matrix]
    target: Tensor
    present: Presence

    def joined(self, names: Sequence[str], missing: Sequence[str] = ()) -> Matrix:
        """Some modalities side by side, `(N, Σ d_m)`.

        Each block of numbers is divided by √d_m, so that a short modality counts as much as a
        long one.

        Args:
            names: Of the modalities.
            missing: Modalities for which a bit marks the samples that have them.
        """
        sparse = require("scipy.sparse", "train")
        blocks = [_even(self.vectors[name]) for name in names]
        blocks += [self.present[name][:, None].astype(np.float32) for name in missing]
        if not any(sparse.issparse(block) for block in blocks):
            return np.hstack(blocks)
        return sparse.hstack([sparse.csr_matrix(block) for block in blocks]).tocsr()

    def having(self, name: str) -> NDArray[np.int64]:
        """The places of the samples that have a modality."""
        return np.flatnonzero(self.present[name])


class ShortVectors:
    """Makes short vectors of samples; fitted on training samples only.

    Integers are numbers of words (0 is none) and become TF-IDF. What else there is becomes the
    summary that the data names (`DatasetSpec.short_vectors`), standardised.

    Args:
        spec: Of the data.
        train: The training split.
        rows: The most training samples to read; drawn with a seed where there are more.
        names: The modalities to read; all when not given.

    Attributes:
        train: The training samples that were read.
        rows: Their places in the training split.
        weights: Of these samples, by the task's classes and as the data draws them, with mean 1;
            `None` where all are the same.
        columns: Modalities whose input is a vector of numbers already.
        missing: Modalities that some of the training samples lack.
    """

    def __init__(
        self, spec: DatasetSpec, train: Split, rows: int = 5000, names: Sequence[str] | None = None
    ) -> None:
        self._spec, self._names = spec, tuple(names or spec.modalities)
        train = train.without_augmentation()
        few = self._raw(next(_batches(limit(train, min(rows, _CHUNK)))))
        width = sum(part.shape[1] for part in few.values() if not _is_sparse(part))
        most = min(rows, max(100, int(_NUMBERS / max(1, width))))
        drawn = limit(train, most)
        self.rows = np.asarray(drawn.rows) if isinstance(drawn, Subset) else np.arange(len(train))
        self._sparse = require("scipy.sparse", "train")
        text = require("sklearn.feature_extraction.text", "tables")
        raw, target, present = self._read(drawn)
        self._fitted: dict[str, Any] = {}
        for name, matrix in raw.items():
            own = matrix[np.flatnonzero(present[name])]
            if self._sparse.issparse(own):
                self._fitted[name] = text.TfidfTransformer(sublinear_tf=True).fit(own)
            else:
                deviation = own.std(axis=0)
                steady = deviation > 1e-6 * np.abs(own).max(axis=0, initial=0)
                self._fitted[name] = own.mean(axis=0), np.where(steady, deviation, 1)
        numbers = [name for name, matrix in raw.items() if not _is_sparse(matrix)]
        self.columns = [name for name in numbers if len(spec.shapes[name]) == 1]
        self.missing = [name for name, there in present.items() if not there.all()]
        self.train = self._finish(raw, target, present)
        self.weights = _weights(spec.task, drawn)

    def read(self, split: Split) -> Iterator[Rows]:
        """The samples of any split in order, a part at a time."""
        for batch in _batches(split.without_augmentation()):
            yield self._finish(self._raw(batch), batch.target, self._present(batch))

    def read_all(self, split: Split) -> Rows:
        """The samples of a split at once."""
        return self._finish(*self._read(split.without_augmentation()))

    def give(self, name: str, encoder: nn.Module) -> None:
        """Sets what was fitted for a modality in an encoder that gives the same short vectors."""
        fitted = self._fitted[name]
        if isinstance(encoder, TfIdf):
            encoder.idf.zero_()[: len(fitted.idf_)] = torch.from_numpy(fitted.idf_)
        elif isinstance(encoder, ShortVector):
            for buffer, value in zip((encoder.mean, encoder.deviation), fitted, strict=True):
                buffer.copy_(torch.from_numpy(value))

    def _read(self, split: Split) -> tuple[dict[str, Matrix], Tensor, Presence]:
        batches = _batches(split)
        parts = [(self._raw(one), one.target, self._present(one)) for one in batches]
        raw = {name: _stack([part[0][name] for part in parts]) for name in parts[0][0]}
        present = {name: np.concatenate([part[2][name] for part in parts]) for name in parts[0][2]}
        return raw, torch.cat([part[1] for part in parts]), present

    def _present(self, batch: Batch) -> Presence:
        return {name: batch.mask(name).numpy().astype(bool) for name in self._names}

    def _raw(self, batch: Batch) -> dict[str, Matrix]:
        """Counts of words, or summaries."""
        found: dict[str, Matrix] = {}
        for name in self._names:
            inputs = batch.inputs[name].numpy()
            if inputs.dtype.kind in "iu":
                found[name] = _counts(inputs)
            else:
                found[name] = self._summarise(name, inputs)
        return found

    def _summarise(self, name: str, inputs: NDArray[np.generic]) -> NDArray[np.float32]:
        encoder = (self._spec.short_vectors or {}).get(name, {})
        summary = SUMMARIES[str(encoder.get("summary", "flat"))]
        return np.asarray(summary(torch.from_numpy(inputs)), np.float32)

    def _finish(self, raw: dict[str, Matrix], target: Tensor, present: Presence) -> Rows:
        vectors: dict[str, Matrix] = {}
        for name, matrix in raw.items():
            fitted = self._fitted[name]
            if _is_sparse(matrix):
                known = len(fitted.idf_)
                matrix.resize(matrix.shape[0], max(known, matrix.shape[1]))
                vectors[name] = fitted.transform(matrix[:, :known])
            else:
                mean, deviation = fitted
                standard = (matrix - mean) / deviation
                there = present[name][:, None]
                vectors[name] = np.where(there, standard, 0).clip(-100, 100).astype(np.float32)
        return Rows(vectors, target, present)


def _batches(split: Split) -> Iterator[Batch]:
    for start in range(0, len(split), _CHUNK):
        yield split.__getitems__(list(range(start, min(start + _CHUNK, len(split)))))


def _weights(task: Task, split: Split) -> NDArray[np.float64] | None:
    found = None if split.weights is None else split.weights.double().numpy()
    if isinstance(task, Classification) and task.weights is not None:
        own = task.weights[split.target].double().numpy()
        found = own if found is None else found * own
    return None if found is None else found / found.mean()


def _counts(words: NDArray[np.generic]) -> Matrix:
    """How often each word comes in each row, `(N, largest number of a word + 1)`."""
    sparse = require("scipy.sparse", "train")
    rows, places = np.nonzero(words)
    numbers = words[rows, places]
    shape = (len(words), int(words.max(initial=0)) + 1)
    return sparse.csr_matrix((np.ones(len(rows), np.float32), (rows, numbers)), shape)


def _stack(parts: list[Matrix]) -> Matrix:
    sparse = require("scipy.sparse", "train")
    if not sparse.issparse(parts[0]):
        return np.concatenate(parts)
    width = max(part.shape[1] for part in parts)
    for part in parts:
        part.resize(part.shape[0], width)
    return sparse.vstack(parts).tocsr()


def _is_sparse(matrix: Matrix) -> bool:
    return not isinstance(matrix, np.ndarray)


def _even(matrix: Matrix) -> Matrix:
    return matrix if _is_sparse(matrix) else matrix / np.sqrt(max(1, matrix.shape[1]))
