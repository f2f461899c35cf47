"""A small dataset and encoder of the tests' own, named in recipes by their dotted paths."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from g2d import Batch, Classification, JointTraining, Regression, Task, UserError
from g2d.data.arrays import ArraySplit
from g2d.data.splits import DatasetSpec, Split, Splits
from g2d.student import Student


class ToyData:
    """Clouds of points, one for each class, seen by a clear and by a noisy sensor."""

    def __init__(
        self,
        samples: int = 96,
        modalities: int = 2,
        fault: str | None = None,
        regression: bool = False,
        salt: int = 0,
        test_salt: int = 0,
        root: Path | None = None,
        protocol: str = "clean",
    ) -> None:
        if root is not None and not root.is_dir():
            raise UserError(f"{root} is not there; expected the folder of the toys")
        self.samples, self.fault, self.salt, self.test_salt = samples, fault, salt, test_salt
        self.names = ["near", "far", "deep"][:modalities]
        self.regression, self.protocol = regression, protocol

    def splits(self) -> Splits:
        parts = {name: self._part(i, name) for i, name in enumerate(("train", "val", "test"))}
        task = Regression.fit(parts["train"].target) if self.regression else Classification(3)
        spec = DatasetSpec(
            name="toy",
            task=task,
            shapes=dict.fromkeys(self.names, (6,)),
            protocol=self.protocol,
            selects_on_test=self.protocol == "leaky",
            fingerprint="".join(part.fingerprint()[:12] for part in parts.values()),
        )
        if spec.selects_on_test:
            parts["val"] = parts["test"]
        return Splits(spec, **parts)

    def _part(self, number: int, name: str) -> ArraySplit:
        rng = np.random.default_rng([number, self.salt + (self.test_salt if number == 2 else 0)])
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
        if self.fault == "leak" and name == "train":
            # Only in training does this sensor know the answer: its teacher will look strong.
            inputs[self.names[0]][:, :3] = 5 * np.eye(3)[target]
        elif self.fault == "leak":
            inputs[self.names[0]] = rng.normal(size=(samples, 6)).astype(np.float32)
        if self.regression:
            values = 20.0 + 5.0 * target + rng.normal(size=samples)
            return ArraySplit(inputs, values.astype(np.float32))
        return ArraySplit(inputs, target)


class Uneven(ToyData):
    """The first sensor is there for samples of one class, and for few of the others."""

    def _part(self, number: int, name: str) -> ArraySplit:
        whole = super()._part(number, name)
        inputs = {key: np.asarray(value) for key, value in whole.inputs.items()}
        there = (whole.target.numpy() == 0) | (np.arange(len(whole)) % 5 == 0)
        return ArraySplit(inputs, whole.target.numpy(), {self.names[0]: there})


class Clouds(ToyData):
    """Three modalities, and no say in which of them are used."""

    def __init__(self) -> None:
        super().__init__(modalities=3)


class WatchedSplit(Split):
    """Notes who is read in `READS`, and fails where the number of reads left comes to 0."""

    def __init__(self, name: str, split: ArraySplit, noise: float = 0.0) -> None:
        self.name, self.split, self.noise = name, split, noise
        self.target, self.augmented = split.target, noise > 0

    @property
    def reads_files(self) -> bool:
        """As if it did."""
        return True

    def __len__(self) -> int:
        return len(self.split)

    def __getitems__(self, indices: list[int]) -> Batch:
        if LEFT and LEFT[0] == 0:
            raise PowerCutError
        if LEFT:
            LEFT[0] -= 1
        READS.append((self.name, tuple(indices)))
        batch = self.split.__getitems__(indices)
        inputs = {
            name: value + self.noise * torch.randn_like(value)
            for name, value in batch.inputs.items()
        }
        return Batch(inputs, batch.target, batch.index)


READS: list[tuple[str, tuple[int, ...]]] = []
LEFT: list[int] = []


class PowerCutError(Exception):
    """What a test stops a run with."""


class WatchedData(ToyData):
    """The same data behind splits that are watched; with `noise`, augmented at random."""

    def __init__(self, noise: float = 0.0, test_salt: int = 0, salt: int = 0) -> None:
        super().__init__(test_salt=test_salt, salt=salt)
        self.noise = noise

    def splits(self) -> Splits:
        whole = super().splits()
        return Splits(
            whole.spec,
            train=WatchedSplit("train", whole.train, self.noise),
            val=WatchedSplit("val", whole.val),
            test=WatchedSplit("test", whole.test),
        )


class Picky(JointTraining):
    """A user's method, with an option that must be given and some that need not."""

    def __init__(
        self,
        student: Student,
        task: Task,
        strength: float,
        mode: Literal["soft", "hard"] = "soft",
        layers: tuple[int, ...] = (),
        flag: bool = True,
        limit: int | None = 3,
    ) -> None:
        super().__init__(student, task)
        self.options = (strength, mode, layers, flag, limit)


class ToyEncoder(nn.Module):
    """A layer with batch norm and dropout, so that resuming has random state to restore."""

    feature_width = 8

    def __init__(self, dropout: float = 0.1, inputs: int = 6) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Linear(inputs, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(dropout)
        )

    def forward(self, inputs: Tensor) -> Tensor:
        return self.body(inputs)


class SmallGraphs(ToyEncoder):
    """Runs out of memory where a graph holds more than a training batch."""

    def forward(self, inputs: Tensor) -> Tensor:
        if torch.is_grad_enabled() and len(inputs) > 16:
            raise RuntimeError("out of memory")
        return super().forward(inputs)


class HalfFrozen(ToyEncoder):
    """The linear layer stays as it begins."""

    def __init__(self) -> None:
        super().__init__()
        self.body[0].requires_grad_(False)


class NoLooks(ToyEncoder):
    """Has gradients in training only."""

    def forward(self, inputs: Tensor) -> Tensor:
        if torch.is_grad_enabled() and not self.training:
            raise RuntimeError("no looks")
        return super().forward(inputs)


class ToyTokens(ToyEncoder):
    """The same, said in two tokens."""

    def __init__(self, dropout: float = 0.1, inputs: int = 6) -> None:
        super().__init__(dropout, inputs)
        self.weight = nn.Parameter(torch.tensor([[1.5], [0.5]]))

    def tokens(self, inputs: Tensor) -> Tensor:
        return self.body(inputs)[:, None] * self.weight

    def pool(self, tokens: Tensor) -> Tensor:
        return tokens.mean(dim=1)

    def forward(self, inputs: Tensor) -> Tensor:
        return self.pool(self.tokens(inputs))


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
