"""Parts without segments, and what is not known of how segments are divided."""

from __future__ import annotations

from collections.abc import Sequence

from g2d.benchmark.datasets.parts import PARTS
from g2d.data.preparation import Sample


def empty_parts(samples: Sequence[Sample]) -> tuple[str, ...]:
    """A sentence for every part that no sample is in.

    Example:
        >>> empty_parts(
        ...     [Sample("a", 0, {}, {"part": "train"}), Sample("b", 0, {}, {"part": "val"})]
        ... )
        ('no segment is in test',)
    """
    there = {sample.columns["part"] for sample in samples}
    return tuple(f"no segment is in {part}" for part in PARTS if part not in there)


def unnamed(samples: Sequence[Sample], column: str) -> tuple[str, ...]:
    """A sentence on samples of unknown origin, which `in_two_parts` cannot check.

    Example:
        >>> unnamed([Sample("a", 0, {}, {"part": "train", "video": ""})], "video")
        ('1 of 1 segments have no video: whether it is in two parts is not known',)
    """
    count = sum(not sample.columns[column] for sample in samples)
    if not count:
        return ()
    return (
        f"{count} of {len(samples)} segments have no {column}: whether it is in two parts is not "
        "known",
    )
