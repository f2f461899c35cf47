"""The files of the distributed AV-MNIST archive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError

_LFS = b"version https://git-lfs"
_IMAGE, _AUDIO = (784,), (112, 112)


@dataclass(frozen=True)
class ArchivePart:
    """Train or test of the archive: images and sounds memory-mapped, labels read.

    Attributes:
        root: Folder of the archive.
        name: "train" or "test".
        image: `(N, 784)`.
        audio: `(N, 112, 112)`.
        labels: `(N,)`.
    """

    root: Path
    name: str
    image: NDArray[np.generic]
    audio: NDArray[np.generic]
    labels: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.labels)

    def __reduce__(self) -> tuple[Any, ...]:
        return open_part, (self.root, self.name)  # another process opens it, rather than a copy

    def fingerprint(self) -> str:
        """Hash of the labels, of the files' sizes, and of 4 kB at each hundredth of them.

        The whole archive is 1 GB: too much to read each time a run begins.
        """
        digest = hashlib.sha256(self.labels.tobytes())
        for file in _files(self.root, self.name):
            size = file.stat().st_size
            digest.update(f"{file.parent.name}/{file.name} {size}".encode())
            with file.open("rb") as stream:
                for place in range(0, size, max(1, size // 100)):
                    stream.seek(place)
                    digest.update(stream.read(4096))
        return digest.hexdigest()


def open_part(root: str | Path, name: str) -> ArchivePart:
    """Opens one half of the archive.

    Args:
        root: Folder of the unpacked archive.
        name: "train" or "test".

    Raises:
        UserError: A file is missing, a git-LFS pointer, cut short or of an unexpected shape.
    """
    root = Path(root)
    image_file, audio_file, labels_file = _files(root, name)
    image, audio = _open(image_file, _IMAGE), _open(audio_file, _AUDIO)
    labels = _open(labels_file, ())
    if not len(image) == len(audio) == len(labels) > 0:
        raise UserError(
            f"{root}: {name} has {len(image)} images, {len(audio)} sounds and {len(labels)} "
            "labels, expected as many of each; unpack the archive again"
        )
    if not np.isin(labels, np.arange(10)).all():
        raise UserError(f"{labels_file} must hold digits from 0 to 9; unpack the archive again")
    return ArchivePart(root, name, image, audio, labels.astype(np.int64))


def _files(root: Path, name: str) -> tuple[Path, Path, Path]:
    return (
        root / "image" / f"{name}_data.npy",
        root / "audio" / f"{name}_data.npy",
        root / f"{name}_labels.npy",
    )


def _open(file: Path, shape: tuple[int, ...]) -> NDArray[np.generic]:
    try:
        with file.open("rb") as stream:
            pointer = stream.read(len(_LFS)) == _LFS
        if pointer:
            raise UserError(
                f"{file} is a git-LFS pointer, not the data; run 'git lfs pull' in its repository"
            )
        array: NDArray[np.generic] = np.load(file, mmap_mode="r")
    except FileNotFoundError:
        raise UserError(
            f"{file} is missing; expected the unpacked avmnist.tar.gz (image/, audio/, "
            "train_labels.npy, test_labels.npy)"
        ) from None
    except UserError:
        raise
    except (ValueError, OSError, EOFError):
        raise UserError(f"{file} is damaged or cut short; unpack the archive again") from None
    if array.ndim == 0 or array.shape[1:] != shape or array.dtype.kind not in "fiu":
        wanted = ", ".join(["N", *map(str, shape)])
        raise UserError(
            f"{file} holds {array.dtype} of shape {array.shape}, expected numbers of shape "
            f"({wanted}); unpack the archive again"
        )
    return array
