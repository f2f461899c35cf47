"""A small dataset and encoder of the tests' own, named in recipes by their dotted paths."""

from __future__ import annotations

import numpy as np
from torch import Tensor, nn

from g2d import Classification, Regression
from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Splits


class ToyData:
    """Clouds of points, one for each class, seen by a clear and by a noisy sensor."""

    def __init__(
        self,
        samples: int = 96,
        modalities: int = 2,
        fault: str | None = None,
        regression: bool = False,
        salt: int = 0,
    ) -> None:
        self.samples, self.fault, self.salt = samples, fault, salt
        self.names = ["near", "far", "deep"][:modalities]
        self.regression = regression

    def splits(self) -> Splits:
        parts = {name: self._part(i, name) for i, name in enumerate(("train", "val", "test"))}
        task = Regression.fit(parts["train"].target) if self.regression else Classification(3)
        spec = DatasetSpec(
            name="toy",
            task=task,
            shapes=dict.fromkeys(self.names, (6,)),
            protocol="clean",
            fingerprint=parts["train"].fingerprint(),
        )
        return Splits(spec, **parts)

    def _part(self, number: int, name: str) -> ArraySplit:
        rng = np.random.default_rng([number, self.salt])
        samples = 0 if self.fault == "empty" and name == "val" else self.samples
        target = np.arange(samples) % 3
        if self.fault == "absent" and name == "train":
            target = target % 2
        centres = np.random.default_rng(7).normal(size=(3, 3, 6))
        inputs = {
            modality: (centres[i][target] + (1 + i) * rng.normal(size=(samples, 6))).astype(
                np.float32
            )
            for i, modality in enumerate(self.names)
        }
        if self.fault == "nan" and name == "train":
            inputs[self.names[0]][3, 2] = np.nan
        if self.regression:
            values = 20.0 + 5.0 * target + rng.normal(size=samples)
            return ArraySplit(inputs, values.astype(np.float32))
        return ArraySplit(inputs, target)


class ToyEncoder(nn.Module):
    """A layer with batch norm and dropout, so that resuming has random state to restore."""

    feature_width = 8

    def __init__(self, dropout: float = 0.1) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(6, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return self.body(inputs)


def toy_recipe(**training: object) -> dict[str, object]:
    """A recipe that trains in a fraction of a second."""
    return {
        "data": {"name": "toy.ToyData"},
        "encoders": {"near": "toy.ToyEncoder", "far": "toy.ToyEncoder"},
        "fusion": "late",
        "method": "g2d",
        "training": {"epochs": 4, "batch_size": 16, "accelerator": "cpu", **training},
        "seed": 0,
    }
