"""The clips that a table lists, and the files they are in."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypeVar

from g2d.data.preparation import Sample


class ClipRow(Protocol):
    """A line of a table: a stretch of a video, its class, and the part of the split it is in."""

    @property
    def video(self) -> str:
        """Name of the video that the clip is cut from."""

    @property
    def clip(self) -> str:
        """Name of the clip's file, without its end."""

    @property
    def label(self) -> str:
        """Name of the class."""

    @property
    def part(self) -> str:
        """The part of the official split."""


Row = TypeVar("Row", bound=ClipRow)


class Layout(NamedTuple):
    """The original files that were found.

    Attributes:
        samples: Every row of the table, in its order, whether its file is there or not.
        classes: Names, in the order of the labels.
        rows: Of the table.
        faults: What is wrong with the table.
    """

    samples: list[Sample]
    classes: tuple[str, ...]
    rows: Sequence[ClipRow]
    faults: list[str]


def lay_out(
    rows: Sequence[Row],
    classes: tuple[str, ...],
    sources: Callable[[Row], Mapping[str, Path]],
) -> Layout:
    """Makes a sample of every row.

    Args:
        rows: Of the table.
        classes: Names, in the order of the labels.
        sources: The files of a row: `video`, and `audio` where the sound has a file of its own.
    """
    label = {name: number for number, name in enumerate(classes)}
    samples = [
        Sample(row.clip, label[row.label], sources(row), {"part": row.part, "video": row.video})
        for row in rows
    ]
    return Layout(samples, classes, rows, faults(rows))


def faults(rows: Sequence[ClipRow]) -> list[str]:
    """Clips that are listed twice."""
    first: dict[str, ClipRow] = {}
    found = []
    for row in rows:
        other = first.setdefault(row.clip, row)
        if other is not row:
            found.append(
                f"{row.clip} comes twice, as {other.label} ({other.part}) and {row.label} "
                f"({row.part})"
            )
    return found
