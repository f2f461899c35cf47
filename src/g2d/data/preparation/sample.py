"""What is to become one sample of a store, and why some cannot."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from g2d.errors import UserError

# Called with how many samples are done, and how many there are.
Counted = Callable[[int, int], None]
_LFS = b"version https://git-lfs"


class UnusableError(UserError):
    """A sample that cannot be used; the message is the reason, for people."""


@dataclass(frozen=True)
class Sample:
    """A sample before it is decoded.

    Attributes:
        id: Its name, unlike any other's.
        target: Class index, or a number.
        sources: The files it is made of, by a name of the dataset's choice.
        columns: What else is known of it (speaker, part of the official split, ...); every sample
            of a dataset has the same columns.
    """

    id: str
    target: int | float
    sources: Mapping[str, Path]
    columns: Mapping[str, str] = field(default_factory=dict)

    def state(self) -> list[object]:
        """Plain values that change when the sample, or one of its files, does."""
        files: list[list[object]] = []
        for name, path in sorted(self.sources.items()):
            place = str(path.absolute())
            try:
                found = path.stat()
                files.append([name, place, found.st_size, found.st_mtime_ns])
            except OSError:
                files.append([name, place, -1, -1])
        return [self.id, self.target, dict(self.columns), files]


class Decode(Protocol):
    """Turns a sample into one array for each modality; it has to be picklable."""

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic] | UserError | None]:
        """The arrays; in the place of one that the sample lacks, `None`, or why it lacks it.

        Raises:
            UnusableError: The sample cannot be used at all.
        """


def readable(path: Path) -> Path:
    """The path of a file that has something in it.

    Raises:
        UnusableError: It is missing, empty, or the pointer that Git LFS leaves in the place of
            a file.

    Example:
        >>> readable(Path("nowhere/clip.wav"))
        Traceback (most recent call last):
        ...
        g2d.data.preparation.sample.UnusableError: clip.wav is missing
    """
    try:
        with path.open("rb") as stream:
            head = stream.read(len(_LFS))
    except OSError as error:
        what = "is missing" if isinstance(error, FileNotFoundError) else str(error.strerror)
        raise UnusableError(f"{path.name} {what}") from None
    if not head:
        raise UnusableError(f"{path.name} is empty (0 bytes)")
    if head == _LFS:
        raise UnusableError(f"{path.name} is a Git LFS pointer; run git lfs pull in its repository")
    return path
