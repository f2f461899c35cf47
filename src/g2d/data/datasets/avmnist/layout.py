"""The files of the distributed AV-MNIST archive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError

_LFS = b"version https://git-lfs"
_IMAGE, _AUDIO = (784,), (112, 112)


@dataclass(frozen=True)
class ArchiveArrays:
    """The archive, memory-mapped (labels are read)."""

    train_image: NDArray[np.generic]
    train_audio: NDArray[np.generic]
    train_labels: NDArray[np.int64]
    test_image: NDArray[np.generic]
    test_audio: NDArray[np.generic]
    test_labels: NDArray[np.int64]
    files: tuple[Path, ...]

    def fingerprint(self) -> str:
        """Hash of the headers, the labels and every hundredth of each file (1 GB in all)."""
        digest = hashlib.sha256()
        for file in self.files:
            size = file.stat().st_size
            digest.update(f"{file.parent.name}/{file.name} {size}".encode())
            with file.open("rb") as stream:
                for place in range(0, size, max(1, size // 100)):
                    stream.seek(place)
                    digest.update(stream.read(4096))
        for labels in (self.train_labels, self.test_labels):
            digest.update(labels.tobytes())
        return digest.hexdigest()


def open_archive(root: str | Path) -> ArchiveArrays:
    """Opens the six files, memory-mapped.

    Raises:
        UserError: A file is missing, a git-LFS pointer, cut short or of an unexpected shape.
    """
    root = Path(root)
    parts: list[NDArray[np.generic]] = []
    files: list[Path] = []
    for split in ("train", "test"):
        image, audio, labels = (
            root / "image" / f"{split}_data.npy",
            root / "audio" / f"{split}_data.npy",
            root / f"{split}_labels.npy",
        )
        files += [image, audio, labels]
        marks = _open(labels, ())
        if not np.isin(marks, np.arange(10)).all():
            raise UserError(f"{labels} must hold digits from 0 to 9; unpack the archive again")
        parts += [_open(image, _IMAGE), _open(audio, _AUDIO), marks]
        rows = {file.name: len(part) for file, part in zip(files[-3:], (parts[-3:]), strict=True)}
        if len({len(part) for part in parts[-3:]}) != 1:
            counts = ", ".join(str(len(part)) for part in parts[-3:])
            raise UserError(
                f"{root}: {split} has {counts} rows of image, audio and labels, expected as many "
                "of each; unpack the archive again"
            )
    ti, ta, tl, si, sa, sl = parts
    return ArchiveArrays(
        train_image=ti,
        train_audio=ta,
        train_labels=tl.astype(np.int64),
        test_image=si,
        test_audio=sa,
        test_labels=sl.astype(np.int64),
        files=tuple(files),
    )


def _open(file: Path, shape: tuple[int, ...]) -> NDArray[np.generic]:
    try:
        with file.open("rb") as stream:
            if stream.read(len(_LFS)) == _LFS:
                raise UserError(
                    f"{file} is a git-LFS pointer, not the data; run 'git lfs pull' where it is from"
                )
        array: NDArray[np.generic] = np.load(file, mmap_mode="r")
    except FileNotFoundError:
        raise UserError(
            f"{file} is missing; expected the unpacked avmnist.tar.gz (image/, audio/, "
            "train_labels.npy, test_labels.npy)"
        ) from None
    except UserError:
        raise
    except (ValueError, OSError, EOFError) as error:
        raise UserError(f"{file} is damaged ({error}); unpack the archive again") from None
    if array.shape[1:] != shape or array.ndim != 1 + len(shape) or array.dtype.kind not in "fiu":
        wanted = ", ".join(["N", *map(str, shape)])
        raise UserError(
            f"{file} holds {array.dtype} of shape {array.shape}, expected numbers of shape "
            f"({wanted}); unpack the archive again"
        )
    return array
