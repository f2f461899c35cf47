"""What is wrong with how segments are divided into parts, and what cannot be told of it."""

from __future__ import annotations

from collections.abc import Sequence

from g2d.data.preparation import Sample

PARTS = ("train", "val", "test")


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


def in_two_parts(samples: Sequence[Sample], column: str) -> tuple[str, ...]:
    """A sentence for everything that samples of two parts are of.

    Args:
        samples: Each with its `part`.
        column: What says what a sample is of; where that is "", it is of nothing known.

    Example:
        >>> one = Sample("a", 0, {}, {"part": "train", "video": "v"})
        >>> in_two_parts([one, Sample("b", 0, {}, {"part": "test", "video": "v"})], "video")
        ('video v is in test and in train',)
    """
    parts: dict[str, set[str]] = {}
    for sample in samples:
        parts.setdefault(sample.columns[column], set()).add(sample.columns["part"])
    return tuple(
        f"{column} {name} is in {' and in '.join(sorted(found))}"
        for name, found in parts.items()
        if name and len(found) > 1
    )


def unnamed(samples: Sequence[Sample], column: str) -> tuple[str, ...]:
    """A sentence where samples do not say what they are of, so that `in_two_parts` knows nothing.

    Example:
        >>> unnamed([Sample("a", 0, {}, {"part": "train", "video": ""})], "video")
        ('1 of 1 segments have no video: whether it is in two parts cannot be told',)
    """
    count = sum(not sample.columns[column] for sample in samples)
    if not count:
        return ()
    return (
        f"{count} of {len(samples)} segments have no {column}: whether it is in two parts cannot "
        "be told",
    )
