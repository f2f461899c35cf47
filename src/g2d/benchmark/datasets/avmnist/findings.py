"""Is the archive what its documentation describes? A self-check of the copy in circulation.

Its sound was made without noise, so one recording used twice gives twice the same picture: rows
with equal pictures must carry equal labels. Where they do not, rows were shuffled.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.benchmark.datasets.avmnist.layout import ArchivePart, open_part
from g2d.data.preparation.report import Report
from g2d.data.threads import one_thread

_CHUNK = 4096
_EXPECTED_ROWS = {"train": 60000, "test": 10000}


@dataclass(frozen=True)
class SplitFindings:
    """The findings in one split of the archive.

    Attributes:
        rows: Number of rows.
        audio_distinct: Number of different audio pictures.
        audio_purity: Share of rows that carry the commonest label among the rows of the same
            picture; 1 where sound and label agree (or where no picture comes twice).
        image_rank: Rank of the centred image matrix: how many PCA components were kept.
        ranges: Smallest and largest number, by modality.
        dtypes: Types of the arrays, by modality.
    """

    rows: int
    audio_distinct: int
    audio_purity: float
    image_rank: int
    ranges: dict[str, tuple[float, float]]
    dtypes: dict[str, str]


@dataclass(frozen=True)
class Findings:
    """The findings of `check`.

    Attributes:
        train: About the training rows.
        test: About the test rows.
        audio_shared: Test rows whose audio picture is also in train.
        image_shared: Test rows whose image is also in train.
        problems: What is wrong, one sentence each; empty where nothing is.
    """

    train: SplitFindings
    test: SplitFindings
    audio_shared: int
    image_shared: int
    problems: tuple[str, ...]

    def lines(self) -> list[str]:
        """The facts in words, for a terminal."""
        facts = [
            f"{name}: {part.rows} rows, {part.audio_distinct} different sounds, label purity of "
            f"equal sounds {part.audio_purity:.4f}, image rank {part.image_rank}, "
            + ", ".join(
                f"{modality} {part.dtypes[modality]} from {low:g} to {high:g}"
                for modality, (low, high) in part.ranges.items()
            )
            for name, part in (("train", self.train), ("test", self.test))
        ]
        return facts


def check_archive(root: str | Path) -> Report:
    """The findings of `check` as text."""
    found = check(root)
    return Report(tuple(found.lines()), found.problems)


def check(root: str | Path) -> Findings:
    """Looks for the faults that the distributed AV-MNIST is known or suspected to have.

    Args:
        root: Folder of the unpacked archive.

    Raises:
        UserError: A file is missing, a git-LFS pointer, cut short or of an unexpected shape.
    """
    first, second = open_part(root, "train"), open_part(root, "test")
    train_audio, test_audio = _hashes(first.audio), _hashes(second.audio)
    train_image, test_image = _hashes(first.image), _hashes(second.image)
    train, test = _describe(first, train_audio), _describe(second, test_audio)
    heard, seen = set(train_audio), set(train_image)
    audio_shared = sum(row in heard for row in test_audio)
    image_shared = sum(row in seen for row in test_image)
    return Findings(
        train, test, audio_shared, image_shared, _problems(train, test, audio_shared, image_shared)
    )


def purity(groups: list[bytes], labels: NDArray[np.int64]) -> float:
    """Share of rows that agree with the commonest label of their group.

    Example:
        >>> purity([b"x", b"x", b"x", b"y"], np.array([1, 1, 2, 3]))
        0.75
    """
    by_group: dict[bytes, Counter[int]] = defaultdict(Counter)
    for group, label in zip(groups, labels.tolist(), strict=True):
        by_group[group][label] += 1
    return sum(max(counts.values()) for counts in by_group.values()) / len(labels)


def _describe(part: ArchivePart, audio_hashes: list[bytes]) -> SplitFindings:
    return SplitFindings(
        rows=len(part),
        audio_distinct=len(set(audio_hashes)),
        audio_purity=purity(audio_hashes, part.labels),
        image_rank=_rank(part.image),
        ranges={"image": _range(part.image), "audio": _range(part.audio)},
        dtypes={"image": str(part.image.dtype), "audio": str(part.audio.dtype)},
    )


def _chunks(array: NDArray[np.generic]) -> list[slice]:
    return [slice(start, start + _CHUNK) for start in range(0, len(array), _CHUNK)]


def _hashes(array: NDArray[np.generic]) -> list[bytes]:
    return [
        hashlib.blake2b(np.ascontiguousarray(row).tobytes(), digest_size=16).digest()
        for chunk in _chunks(array)
        for row in array[chunk]
    ]


def _range(array: NDArray[np.generic]) -> tuple[float, float]:
    pieces = [np.asarray(array[chunk], dtype=np.float64) for chunk in _chunks(array)]
    return min(float(p.min()) for p in pieces), max(float(p.max()) for p in pieces)


def _rank(image: NDArray[np.generic]) -> int:
    """Rank of the centred matrix, from its D x D covariance, a chunk at a time."""
    total = np.zeros(image.shape[1])
    for chunk in _chunks(image):
        total += image[chunk].sum(axis=0, dtype=np.float64)
    mean = torch.from_numpy(total / len(image))
    covariance = torch.zeros(image.shape[1], image.shape[1], dtype=torch.float64)
    with one_thread():
        for chunk in _chunks(image):
            centred = torch.from_numpy(image[chunk].astype(np.float64)) - mean
            covariance += centred.T @ centred
        variances = torch.linalg.eigvalsh(covariance)
    # Rounding of float32 pixels leaves about 1e-14 of the variance in the empty directions.
    return int((variances > 1e-10 * variances.max()).sum()) if variances.max() > 0 else 0


def _problems(
    train: SplitFindings, test: SplitFindings, audio_shared: int, image_shared: int
) -> tuple[str, ...]:
    found = []
    for name, split in {"train": train, "test": test}.items():
        if split.rows != _EXPECTED_ROWS[name]:
            found.append(f"{name} has {split.rows} rows, expected {_EXPECTED_ROWS[name]}")
        if split.audio_purity < 1:
            found.append(
                f"{name}: sound and label agree in at most {split.audio_purity:.1%} of the rows"
            )
        if split.ranges["image"][0] < 0:
            found.append(f"{name}: images are centred (smallest value below 0): the mean is gone")
        if not 0 <= split.ranges["audio"][0] <= split.ranges["audio"][1] <= 255:
            found.append(f"{name}: sounds are not grey levels from 0 to 255")
    if train.image_rank != test.image_rank:
        found.append(f"images have rank {train.image_rank} in train and {test.image_rank} in test")
    if audio_shared:
        found.append(f"{audio_shared} of {test.rows} test rows have a sound that is also in train")
    if image_shared:
        found.append(f"{image_shared} of {test.rows} test rows have an image that is also in train")
    return tuple(found)
