"""Checks the files of IEMOCAP."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.iemocap.features import Features
from g2d.benchmark.datasets.iemocap.layout import (
    CLASSES,
    Turn,
    class_names,
    read_release,
    read_words,
)
from g2d.benchmark.datasets.iemocap.prepare import Kind, features_of, samples_of
from g2d.benchmark.datasets.iemocap.speech import RATE, read_speech
from g2d.data.preparation import Counted, Sample, UnusableError, inspect
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report
from g2d.errors import UserError

# Of the full release
_EXPECTED = {"ang": 1103, "hap": 595, "exc": 1041, "neu": 1708, "sad": 1084, "fru": 1849}
_SHORTER = 0.75  # of the duration in the annotation


def check(
    root: str | Path,
    *,
    features_root: str | Path | None = None,
    features: Kind = "mmin",
    classes: int = 4,
    vectors: str | Path | None = None,
    steps_per_second: int = 10,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Looks for what is wrong with annotation, sound and features.

    Args:
        root: Folder `IEMOCAP_full_release`.
        features_root: Folder of the features; when not given they are not checked.
        features: "mmin", "precomputed", or "release" for those that are made of the release.
        classes: Of the task, 4 or 6.
        vectors: Word vectors of "release".
        steps_per_second: Of "release".
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of turns done and of all.

    Raises:
        UserError: There is no annotation, or no such features.
    """
    release = read_release(root)
    samples = samples_of(release.turns, classes)
    own = features == "release"
    found = None
    if own or features_root is not None:
        made = (vectors, steps_per_second)
        found = features_of(features, root, release.turns, features_root, *made)
    seconds = {turn.id: turn.end - turn.start for turn in release.turns}
    words = read_words(root)
    report = inspect(
        samples,
        _Look(found, seconds),
        lambda sample: f"session {sample.columns['session']}",
        class_names(classes),
        workers=workers,
        progress=progress,
    )
    unsaid = [f"{s.id}: there is no transcription" for s in samples if not words.get(s.id)]
    problems = [*some(list(release.problems)), *some([] if own else unsaid)]
    facts = _counts(samples, classes, len(release.turns))
    return report + Report((*facts, *(_worn(release.turns) if own else ())), tuple(problems))


def _worn(turns: list[Turn]) -> list[str]:
    own = sum(turn.speaker == turn.wearer for turn in turns)
    return [f"in {own} of {len(turns)} turns the actor who speaks wears the markers"]


def _counts(samples: list[Sample], classes: int, turns: int) -> list[str]:
    got = Counter(sample.columns["emotion"] for sample in samples)
    total = sum(_EXPECTED[code] for code in CLASSES[classes])
    each = ", ".join(f"{code} {got[code]} of {_EXPECTED[code]}" for code in CLASSES[classes])
    return [
        f"{len(samples)} of the {total} turns of {classes} classes in the full release: {each}",
        f"{turns} turns are annotated, {turns - len(samples)} of them with something else",
    ]


@dataclass(frozen=True)
class _Look:
    """The sound of a turn, and its features where they are wanted."""

    features: Features | None
    seconds: Mapping[str, float]

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic] | UserError | None]:
        file = sample.sources["speech"]
        wave = read_speech(file)
        seconds, expected = len(wave) / RATE, self.seconds[sample.id]
        if seconds < _SHORTER * expected:
            raise UnusableError(
                f"{file.name} has {seconds:.2f} s of sound, expected {expected:.2f} s"
            )
        if self.features is None:
            return {}
        sources = self.features.sources(sample.id)
        return self.features.decode(Sample(sample.id, sample.target, sources))
