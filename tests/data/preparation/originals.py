"""Little original files and a decoder that worker processes can import."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from g2d.data.preparation import Sample, UnusableError, readable


def write_originals(folder: Path, count: int = 10) -> list[Sample]:
    """Text files of numbers; sample i holds i + 1 of them."""
    folder.mkdir(exist_ok=True)
    samples = []
    for number in range(count):
        path = folder / f"s{number:02}.txt"
        path.write_text(" ".join(str(number * 10 + k) for k in range(number + 1)))
        columns = {"part": "train" if number % 3 else "test"}
        samples.append(Sample(f"s{number:02}", number % 2, {"numbers": path}, columns))
    return samples


def decode(sample: Sample) -> dict[str, np.ndarray]:
    words = readable(sample.sources["numbers"]).read_text().split()
    try:
        values = np.array([int(word) for word in words], np.float32)
    except ValueError:
        raise UnusableError(f"{sample.sources['numbers'].name} is not made of numbers") from None
    return {"first": values[:1, None], "all": values.reshape(-1, 1).repeat(2, axis=1)}
