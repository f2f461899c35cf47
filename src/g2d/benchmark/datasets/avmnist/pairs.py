"""Which picture goes with which recordings, in AV-MNIST."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from g2d.benchmark.datasets.fsdd import Recording
from g2d.errors import UserError


@dataclass(frozen=True)
class Pair:
    """One row of the store: which picture goes with which recordings.

    Attributes:
        digit: What all of them are.
        image: Row in the pool of pictures.
        recording: Of the digit.
        second: Of the same digit by another speaker, where the store has that modality.
    """

    digit: int
    image: int
    recording: Recording
    second: Recording | None = None

    @property
    def spoken(self) -> list[Recording]:
        """The recordings, in the order of their modalities."""
        return [self.recording, *([self.second] if self.second else [])]


def all_recordings(pairs: Iterable[Pair]) -> list[Recording]:
    """Every recording of some rows."""
    return [recording for pair in pairs for recording in pair.spoken]


def pair_up(
    split: str,
    rows: NDArray[np.int64],
    labels: NDArray[np.generic],
    recordings: Sequence[Recording],
    rng: np.random.Generator,
) -> list[Pair]:
    """Gives every picture a recording of its digit, going round a shuffled list of them.

    Raises:
        UserError: There is no recording of some digit.
    """
    by_digit = _shuffled(recordings, rng)
    pairs, turn = [], dict.fromkeys(by_digit, 0)
    for image in rows.tolist():
        digit = int(labels[image])
        choices = by_digit[digit]
        if not choices:
            raise UserError(
                f"no recording of digit {digit} is left for {split}; expected of each digit "
                "indices 0-4 (test), 5-9 (val) and above (train), or enough speakers"
            )
        pairs.append(Pair(digit, image, choices[turn[digit] % len(choices)]))
        turn[digit] += 1
    return pairs


def add_second(
    split: str, pairs: Sequence[Pair], recordings: Sequence[Recording], rng: np.random.Generator
) -> list[Pair]:
    """Gives every row a second recording of its digit, by another speaker than the first.

    It goes round a shuffled list as well: the recording used longest ago that will do is next.

    Raises:
        UserError: A digit has one speaker only.
    """
    waiting = {digit: deque(choices) for digit, choices in _shuffled(recordings, rng).items()}
    found = []
    for pair in pairs:
        queue = waiting[pair.digit]
        other = next((r for r in queue if r.speaker != pair.recording.speaker), None)
        if other is None:
            raise UserError(
                f"digit {pair.digit} is spoken by {pair.recording.speaker} alone in {split}; "
                "expected 2 speakers or more of each digit in every split; leave out "
                "speaker_disjoint or second_speaker"
            )
        queue.remove(other)
        queue.append(other)
        found.append(replace(pair, second=other))
    return found


def _shuffled(
    recordings: Sequence[Recording], rng: np.random.Generator
) -> dict[int, list[Recording]]:
    by_digit: dict[int, list[Recording]] = {digit: [] for digit in range(10)}
    for position in rng.permutation(len(recordings)):
        recording = recordings[int(position)]
        by_digit[recording.digit].append(recording)
    return by_digit
