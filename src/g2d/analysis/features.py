"""The features of a whole split, with which samples have which modality."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from g2d.analysis.sampling import on_device_of
from g2d.batch import Batch
from g2d.errors import UserError
from g2d.models.unimodal import UnimodalModel
from g2d.student.predict_split import predict_split

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Features:
    """Pooled features of every sample, in the order of the split.

    Attributes:
        of: `(N, d_m)` by modality.
        there: bool `(N,)` by modality: does the sample have it?
        index: Position of every row in its split.
        target: `(N, ...)`.
    """

    of: Mapping[str, Floats]
    there: Mapping[str, NDArray[np.bool_]]
    index: NDArray[np.int64]
    target: Tensor

    def having(self, name: str) -> tuple[Floats, Tensor]:
        """Features and targets of the samples that have a modality."""
        return self.of[name][self.there[name]], self.target[torch.from_numpy(self.there[name])]

    @property
    def complete(self) -> NDArray[np.bool_]:
        """Which samples have every modality."""
        return np.asarray(np.stack(list(self.there.values())).all(axis=0))


def student_features(model: nn.Module, batches: Iterable[Batch]) -> Features:
    """The features of every encoder of a model, in eval mode; token sequences are pooled.

    Raises:
        UserError: An encoder gives something else than one vector a sample.
    """
    model.eval()
    return _collect(model, batches, lambda batch: model(batch).features)


def teacher_features(teachers: Mapping[str, UnimodalModel], batches: Iterable[Batch]) -> Features:
    """The features of unimodal teachers, likewise.

    Raises:
        UserError: An encoder gives something else than one vector a sample.
    """
    models = nn.ModuleDict(teachers).eval()

    def features_of(batch: Batch) -> Mapping[str, Tensor]:
        return {name: model(batch).features[name] for name, model in models.items()}

    return _collect(models, batches, features_of)


def _collect(
    model: nn.Module, batches: Iterable[Batch], features_of: Callable[[Batch], Mapping[str, Tensor]]
) -> Features:

    def checked(batch: Batch) -> Mapping[str, Tensor]:
        features = features_of(batch)
        for name, value in features.items():
            if value.ndim != 2:
                raise UserError(
                    f"the encoder of {name!r} gives {tuple(value.shape[1:])} a sample, expected "
                    "one vector; give it pool(tokens), which makes one of a sequence"
                )
        return features

    found = predict_split(checked, on_device_of(model, batches)).cpu()
    if not found.values:
        raise UserError("there are no samples to take features of, got no batches")
    return Features(
        {name: rows.double().numpy() for name, rows in found.values.items()},
        {name: found.mask(name).numpy() for name in found.values},
        found.index.numpy(),
        found.target,
    )


def unit(rows: Floats) -> Floats:
    """Rows of length 1; a row of zeros stays as it is.

    Example:
        >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
        array([[0.6, 0.8],
               [0. , 0. ]])
    """
    lengths = np.linalg.norm(rows, axis=1, keepdims=True)
    return rows / np.where(lengths > 0, lengths, 1.0)
