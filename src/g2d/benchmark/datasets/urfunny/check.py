"""Looking through the files of UR-FUNNY."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np

from g2d.benchmark.datasets.urfunny.prepare import read_source
from g2d.benchmark.datasets.urfunny.source import CLASSES, WIDTHS, Arrays, Source
from g2d.data.preparation import Sample, inspect
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report

# Version 2: all segments, and those with cleaned text, which later work uses.
_FOLDS = {
    "version 2": {"train": 8074, "val": 1034, "test": 1058},
    "version 2, cleaned": {"train": 7614, "val": 980, "test": 994},
}


def check(
    root: str | Path,
    *,
    context: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Reads everything and says what is there and what is wrong.

    Args:
        root: Folder of the distributed pickles.
        context: Look at the sentences before the punchline as well.
        progress: Called with the number of punchlines done and of all.

    Raises:
        UserError: A file cannot be read at all.
    """
    source = read_source(root, context)
    looked = _Looked(source)
    # The files are shared by all samples: what is compared below are their features.
    samples = [replace(sample, sources={}) for sample in source.samples]
    report = inspect(
        samples, looked, lambda s: s.columns["part"], CLASSES, workers=0, progress=progress
    )
    facts = [_folds(source.samples)]
    facts += [f"{name}: {count} numbers are not finite" for name, count in looked.strange.items()]
    problems = [*some(list(source.problems)), *some(looked.twins())]
    return report + Report(tuple(facts), tuple(problems))


class _Looked:
    """Decodes, and remembers what it has seen."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._owners: dict[bytes, list[Sample]] = defaultdict(list)
        self.strange: Counter[str] = Counter()

    def __call__(self, sample: Sample) -> Arrays:
        found = self._source.decode(sample)
        digest = hashlib.sha256()
        for name in WIDTHS:
            digest.update(found[name].tobytes())
            count = int((~np.isfinite(found[name])).sum())
            if count:
                self.strange[name] += count
        self._owners[digest.digest()].append(sample)
        return found

    def twins(self) -> list[str]:
        """Punchlines of the same features in two splits, or with two labels."""
        lines = []
        for group in self._owners.values():
            names = ", ".join(sample.id for sample in group[:4])
            parts = sorted({sample.columns["part"] for sample in group})
            if len(parts) > 1:
                lines.append(f"the features of {names} are the same, in {' and '.join(parts)}")
            if len({sample.target for sample in group}) > 1:
                lines.append(f"the features of {names} are the same, and their labels differ")
        return lines


def _folds(samples: list[Sample]) -> str:
    counts = Counter(sample.columns["part"] for sample in samples)
    for name, expected in _FOLDS.items():
        if counts == expected:
            return f"the folds are those of {name}"
    known = ", ".join(f"{sum(sizes.values())} ({name})" for name, sizes in _FOLDS.items())
    return f"{counts.total()} punchlines are in the folds; known are {known}"
