"""A split held in arrays, in memory or memory-mapped."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from copy import copy

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.batch import Batch
from g2d.data.splits import Split
from g2d.errors import UserError


class ArraySplit(Split):
    """Samples of every modality in one array each, row i of all of them being sample i.

    Args:
        inputs: `(N, ...)` arrays by modality; memory maps are read only where asked.
        target: `(N,)` class indices or numbers, or `(N, L)` label bits.
        present: For modalities that can be missing, bool `(N,)`.

    Raises:
        UserError: The arrays have different numbers of rows.

    Example:
        >>> import numpy as np
        >>> split = ArraySplit({"sound": np.zeros((5, 3), np.float32)}, np.arange(5))
        >>> split.__getitems__([4, 0]).target
        tensor([4, 0])
    """

    def __init__(
        self,
        inputs: Mapping[str, NDArray[np.generic]],
        target: NDArray[np.generic],
        present: Mapping[str, NDArray[np.bool_]] | None = None,
    ) -> None:
        self.inputs = dict(inputs)
        self.present = dict(present or {})
        self.target: Tensor = torch.as_tensor(np.array(target))
        for name, rows in [*self.inputs.items(), *self.present.items()]:
            if len(rows) != len(self.target):
                raise UserError(
                    f"modality {name!r} has {len(rows)} rows and the target {len(self.target)}; "
                    "row i of each must be the same sample"
                )

    def __len__(self) -> int:
        return len(self.target)

    def __getitems__(self, indices: list[int]) -> Batch:
        rows = np.asarray(indices)
        index = torch.from_numpy(rows.astype(np.int64))
        return Batch(
            inputs={name: torch.from_numpy(array[rows]) for name, array in self.inputs.items()},
            target=self.target[index],
            index=index,
            present={name: torch.from_numpy(array[rows]) for name, array in self.present.items()},
        )

    def only(self, modality: str) -> Split:
        """This split with one modality."""
        if type(self) is not ArraySplit:  # which may do more with its arrays
            return self
        one = copy(self)
        one.inputs = {modality: self.inputs[modality]}
        return one

    def fingerprint(self) -> str:
        """SHA-256 of names, shapes, types and contents."""
        digest = hashlib.sha256()
        everything = {**self.inputs, "<target>": self.target.numpy()}
        for name, array in [*everything.items(), *self.present.items()]:
            digest.update(f"{name} {array.shape} {array.dtype}".encode())
            digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()
