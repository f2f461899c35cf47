"""Features made of the distributed release alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.iemocap.features import Features
from g2d.benchmark.datasets.iemocap.layout import Turn, read_words
from g2d.benchmark.datasets.iemocap.markers import motion_of, read_names
from g2d.benchmark.datasets.iemocap.speech import BANDS, bands_of, read_speech
from g2d.benchmark.datasets.iemocap.words import Hashed, Vectors, read_vectors, words_in
from g2d.data.preparation import Sample, UnusableError
from g2d.errors import UserError

MOST_STEPS = 100


def open_release(
    root: str | Path, turns: Sequence[Turn], vectors: str | Path | None, steps_per_second: int
) -> Features:
    """Features of the release's own sound, motion capture and transcriptions.

    Args:
        root: Folder `IEMOCAP_full_release`.
        turns: Those of its annotation.
        vectors: A file of word vectors; hashed groups of characters when `None`.
        steps_per_second: Of sound and motion, 1 to 100.

    Raises:
        UserError: There is no motion capture, or the file of vectors cannot be used.
    """
    if not 1 <= steps_per_second <= MOST_STEPS:
        raise UserError(f"got steps_per_second={steps_per_second}, expected 1 to {MOST_STEPS}")
    words = {id: words_in(text) for id, text in read_words(root).items()}
    found: Vectors = Hashed()
    if vectors is not None:
        found = read_vectors(Path(vectors), {word for turn in words.values() for word in turn})
    names = _names(root, turns)
    extra = {} if vectors is None else {"vectors": Path(vectors)}
    return Features(
        {"audio": BANDS, "visual": 3 * len(names), "text": found.width},
        _FromRelease(words, found, names, steps_per_second),
        by_turn={
            turn.id: {
                "speech": turn.wav,
                "markers": turn.markers,
                "transcript": turn.transcript,
                **extra,
            }
            for turn in turns
        },
        options={
            "steps_per_second": steps_per_second,
            "vectors": "hashed" if vectors is None else Path(vectors).name,
        },
    )


def _names(root: str | Path, turns: Sequence[Turn]) -> tuple[str, ...]:
    for turn in turns:
        try:
            return read_names(turn.markers)
        except UnusableError:
            continue  # the next may be there
    raise UserError(
        f"{root} holds no Session1/sentences/MOCAP_rotated/<dialogue>/<turn>.txt of these turns; "
        "expected the whole release, without its videos at the least"
    )


@dataclass(frozen=True)
class _FromRelease:
    words: Mapping[str, Sequence[str]]
    vectors: Vectors
    names: tuple[str, ...]
    steps_per_second: int

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic]]:
        if sample.id not in self.words:
            raise UnusableError("there is no transcription")
        if not self.words[sample.id]:
            raise UnusableError("its transcription has no word")
        rate = self.steps_per_second
        return {
            "audio": bands_of(read_speech(sample.sources["speech"]), rate),
            "visual": motion_of(sample.sources["markers"], self.names, rate),
            "text": self.vectors(self.words[sample.id]),
        }
