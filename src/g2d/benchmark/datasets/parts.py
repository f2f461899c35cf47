"""The parts of an official split, and what must not be in two of them."""

from __future__ import annotations

from collections.abc import Sequence

from g2d.data.preparation import Sample
from g2d.wording import listed

PARTS = ("train", "val", "test")


def in_two_parts(samples: Sequence[Sample], column: str) -> tuple[str, ...]:
    """A sentence for everything that samples of two parts or more are of.

    Args:
        samples: Each with its `part`.
        column: The column of what a sample is cut from, such as a video; "" where that is unknown.

    Example:
        >>> one = Sample("a", 0, {}, {"part": "test", "video": "v"})
        >>> in_two_parts([one, Sample("b", 0, {}, {"part": "train", "video": "v"})], "video")
        ('video v is in train and test',)
    """
    found: dict[str, set[str]] = {}
    for sample in samples:
        found.setdefault(sample.columns[column], set()).add(sample.columns["part"])
    return tuple(
        f"{column} {name} is in {listed(part for part in PARTS if part in parts)}"
        for name, parts in found.items()
        if name and len(parts) > 1
    )
