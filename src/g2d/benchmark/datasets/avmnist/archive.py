"""The AV-MNIST archive in circulation (MultiBench's, AGM's, the official G2D's)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from g2d.batch import Batch
from g2d.benchmark.datasets.avmnist.layout import ArchivePart, open_part
from g2d.data.splits import DatasetSpec, Split, Splits
from g2d.errors import UserError
from g2d.tasks import Classification

# Named after what it does: the epoch is then chosen on the test split.
PAPER = "paper-selects-on-test"
VALIDATION = 5000


class AVMNISTArchive:
    """The distributed AV-MNIST, read as the official code reads it.

    Image `(1, 28, 28)` and audio `(1, 112, 112)`, float32, both divided by 255. The images are a
    PCA reconstruction without the mean and hence partly negative. Run `check` first: in this
    archive sound and label are known not to agree in many rows.

    Args:
        root: Folder with `image/`, `audio/`, `train_labels.npy` and `test_labels.npy`.
        protocol: "clean" keeps the last 5,000 training rows for validation. "paper" trains on all
            and validates on the test split, as the published numbers were had; its results carry
            the name "paper-selects-on-test" and compare with no other.

    Raises:
        UserError: The protocol is unknown.
    """

    def __init__(self, root: str | Path, protocol: str = "clean") -> None:
        if protocol not in ("clean", "paper"):
            raise UserError(f"got protocol {protocol!r}, expected 'clean' or 'paper'")
        self.root, self.protocol = Path(root), protocol

    def splits(self) -> Splits:
        """Opens the archive, memory-mapped.

        Raises:
            UserError: A file is missing, a git-LFS pointer, cut short or of an unexpected shape.
        """
        train, test = open_part(self.root, "train"), open_part(self.root, "test")
        if self.protocol == "clean" and len(train) <= VALIDATION:
            raise UserError(
                f"{self.root} has {len(train)} training rows, expected over {VALIDATION}; "
                "unpack the archive again"
            )
        cut = len(train) if self.protocol == "paper" else len(train) - VALIDATION
        last = _Rows(test, 0, len(test))
        spec = DatasetSpec(
            name="avmnist-archive",
            task=Classification(10),
            shapes={"image": (1, 28, 28), "audio": (1, 112, 112)},
            protocol=PAPER if self.protocol == "paper" else "clean",
            fingerprint=train.fingerprint() + test.fingerprint(),
            selects_on_test=self.protocol == "paper",
        )
        val = last if self.protocol == "paper" else _Rows(train, cut, len(train))
        return Splits(spec, _Rows(train, 0, cut), val, last)


class _Rows(Split):
    """Rows `start` to `stop` of a part of the archive, made into floats a batch at a time."""

    def __init__(self, part: ArchivePart, start: int, stop: int) -> None:
        self.part, self.start = part, start
        self.target: Tensor = torch.from_numpy(part.labels[start:stop].copy())

    def __len__(self) -> int:
        return len(self.target)

    def __getitems__(self, indices: list[int]) -> Batch:
        own = torch.as_tensor(indices, dtype=torch.int64)
        rows = own.numpy() + self.start
        image = torch.from_numpy(self.part.image[rows].astype(np.float32))
        audio = torch.from_numpy(self.part.audio[rows].astype(np.float32))
        return Batch(
            inputs={
                "image": image.reshape(-1, 1, 28, 28) / 255,
                "audio": audio.reshape(-1, 1, 112, 112) / 255,
            },
            target=self.target[own],
            index=own,
        )
