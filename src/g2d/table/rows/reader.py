"""Modalities of a table's store, as an encoder wants them."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.data.store import RaggedArray, StoredArray
from g2d.table.kinds import Kind

# Finished inputs of at most this size are kept in memory, in the place of being made every time.
_SMALL = 256 * 2**20
# Rows that are finished at once.
_TOGETHER = 4096


class KindReader:
    """Finishes what was decoded; absent samples are zero.

    Args:
        kind: Fitted.
        decoded: What was decoded, sample by sample.
        present: Which samples have the modality.
        finished: All inputs, where they are known; the others are then not needed.

    Attributes:
        finished: All inputs `(N, *kind.shape)`, where they are kept.
    """

    augments = False

    def __init__(
        self,
        kind: Kind,
        decoded: RaggedArray | StoredArray | None = None,
        present: NDArray[np.bool_] | None = None,
        finished: NDArray[np.generic] | StoredArray | None = None,
    ) -> None:
        self.kind, self.decoded, self.present, self.finished = kind, decoded, present, finished
        if present is None:
            return
        size = len(present) * int(np.prod(kind.shape)) * np.dtype(kind.dtype).itemsize
        # what is ragged takes work to finish; pictures and spectrograms are large, and quick
        if kind.ragged and size <= _SMALL:
            self.finished = self._finish(np.arange(len(present)))

    @property
    def reads_files(self) -> bool:
        """Whether inputs are finished anew whenever they are read, as those of pictures are."""
        return self.finished is None

    def read(self, rows: NDArray[np.int64]) -> Tensor:
        """Reads inputs `(B, *kind.shape)`."""
        finished = self._finish(rows) if self.finished is None else self.finished[rows]
        return torch.from_numpy(finished)

    def _finish(self, rows: NDArray[np.int64]) -> NDArray[np.generic]:
        assert self.present is not None
        assert self.decoded is not None
        stacked = np.zeros((len(rows), *self.kind.shape), self.kind.dtype)
        there = np.flatnonzero(self.present[rows])
        for part in np.split(there, range(_TOGETHER, len(there), _TOGETHER)):
            if len(part):
                stacked[part] = self.kind.finish_all(self.decoded.many(rows[part]))
        return stacked
