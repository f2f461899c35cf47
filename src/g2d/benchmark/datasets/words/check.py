"""Checks a distribution of words."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import numpy as np

from g2d.benchmark.datasets.words.dataset import MODALITIES
from g2d.benchmark.datasets.words.source import Arrays, Source
from g2d.data.preparation import Counted, Sample, inspect
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report
from g2d.wording import listed

Sizes = Mapping[str, int]


def look_through(
    source: Source,
    class_names: Sequence[str],
    known: Mapping[str, Sizes],
    noun: str,
    class_of: Callable[[Sample], int | float] = lambda sample: sample.target,
    progress: Counted | None = None,
) -> Report:
    """Decodes every segment, and reports what is there and what is wrong.

    Args:
        source: The distribution.
        class_names: Names of the classes that are counted.
        known: Sizes of the splits of known versions, by what they are called.
        noun: What segments are called.
        class_of: The class under which a segment is counted.
        progress: Called with the number of segments done and of all.
    """
    look = _Looked(source)
    # The files are shared by all samples: what is compared below are their features.
    samples = [replace(one, sources={}, target=class_of(one)) for one in source.samples]
    report = inspect(
        samples, look, lambda s: s.columns["part"], class_names, workers=0, progress=progress
    )
    facts = [_folds(source.samples, known, noun), *source.notes]
    facts += [f"{name}: {count} numbers are not finite" for name, count in look.strange.items()]
    labels = {sample.id: sample.target for sample in source.samples}
    problems = [*some(list(source.problems)), *some(look.twins(labels))]
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
        for name in MODALITIES:
            digest.update(found[name].tobytes())
            count = int((~np.isfinite(found[name])).sum())
            if count:
                self.strange[name] += count
        self._owners[digest.digest()].append(sample)
        return found

    def twins(self, labels: Mapping[str, int | float]) -> list[str]:
        """Segments of the same features in two splits, or with two labels."""
        lines = []
        for group in self._owners.values():
            names = ", ".join(sample.id for sample in group[:4])
            parts = sorted({sample.columns["part"] for sample in group})
            if len(parts) > 1:
                lines.append(f"the features of {names} are the same, in {listed(parts)}")
            if len({labels[sample.id] for sample in group}) > 1:
                lines.append(f"the features of {names} are the same, and their labels differ")
        return lines


def _folds(samples: list[Sample], known: Mapping[str, Sizes], noun: str) -> str:
    counts = Counter(sample.columns["part"] for sample in samples)
    for name, expected in known.items():
        if counts == expected:
            return f"the folds are those of {name}"
    each = ", ".join(f"{sum(sizes.values())} ({name})" for name, sizes in known.items())
    return f"{counts.total()} {noun} are in the folds; known are {each}"
