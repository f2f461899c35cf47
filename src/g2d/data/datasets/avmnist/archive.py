"""The AV-MNIST archive in circulation (MultiBench's, AGM's, the official G2D's)."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.batch import Batch
from g2d.data.datasets.avmnist.layout import open_archive
from g2d.data.splits import DatasetSpec, Splits
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
        arrays = open_archive(self.root)
        last = len(arrays.train_labels)
        if self.protocol == "clean" and last <= VALIDATION:
            raise UserError(f"{self.root} has {last} training rows, expected over {VALIDATION}")
        cut = last if self.protocol == "paper" else last - VALIDATION
        train = _Rows(arrays.train_image, arrays.train_audio, arrays.train_labels, 0, cut)
        rest = _Rows(arrays.train_image, arrays.train_audio, arrays.train_labels, cut, last)
        test = _Rows(
            arrays.test_image, arrays.test_audio, arrays.test_labels, 0, len(arrays.test_labels)
        )
        spec = DatasetSpec(
            name="avmnist-archive",
            task=Classification(10),
            shapes={"image": (1, 28, 28), "audio": (1, 112, 112)},
            protocol=PAPER if self.protocol == "paper" else "clean",
            fingerprint=arrays.fingerprint(),
        )
        return Splits(spec, train, test if self.protocol == "paper" else rest, test)


class _Rows:
    """Rows `start` to `stop` of the archive's arrays, made into floats a batch at a time."""

    augmented = False

    def __init__(
        self,
        image: NDArray[np.generic],
        audio: NDArray[np.generic],
        labels: NDArray[np.int64],
        start: int,
        stop: int,
    ) -> None:
        self.image, self.audio = image, audio
        self.start = start
        self.target: Tensor = torch.from_numpy(labels[start:stop].copy())

    def __len__(self) -> int:
        return len(self.target)

    def __getitems__(self, indices: list[int]) -> Batch:
        own = torch.as_tensor(indices, dtype=torch.int64)
        rows = own.numpy() + self.start
        image = torch.from_numpy(np.asarray(self.image[rows], dtype=np.float32))
        audio = torch.from_numpy(np.asarray(self.audio[rows], dtype=np.float32))
        return Batch(
            inputs={
                "image": image.reshape(-1, 1, 28, 28) / 255,
                "audio": audio.reshape(-1, 1, 112, 112) / 255,
            },
            target=self.target[own],
            index=own,
        )
