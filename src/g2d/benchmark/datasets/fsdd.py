"""The Free Spoken Digit Dataset: a folder of `<digit>_<speaker>_<index>.wav`, 8 kHz mono."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from g2d.errors import UserError

RATE = 8000
_NAME = re.compile(r"(\d)_([A-Za-z0-9-]+)_(\d+)\.wav")


@dataclass(frozen=True)
class Recording:
    """One spoken digit.

    Example:
        >>> found = Recording.parse(Path("7_theo_31.wav"))
        >>> found.digit, found.speaker, found.index
        (7, 'theo', 31)
    """

    digit: int
    speaker: str
    index: int
    path: Path

    @classmethod
    def parse(cls, path: Path) -> Recording | None:
        """Reads the file's name; None where it is not named as the dataset's files are."""
        match = _NAME.fullmatch(path.name)
        return match and cls(int(match[1]), match[2], int(match[3]), path)


def list_recordings(folder: str | Path) -> list[Recording]:
    """Finds all recordings of a folder (or of `recordings/` in it), in the order of their names.

    Raises:
        UserError: There are none, or a WAV file is named otherwise.
    """
    folder = Path(folder)
    inner = folder / "recordings"
    files = sorted((inner if inner.is_dir() else folder).glob("*.wav"))
    if not files:
        raise UserError(
            f"{folder} holds no .wav files; expected the recordings of the Free Spoken Digit "
            "Dataset, named <digit>_<speaker>_<index>.wav"
        )
    found = [(file, Recording.parse(file)) for file in files]
    strange = [file.name for file, recording in found if recording is None]
    if strange:
        raise UserError(
            f"{folder}: {len(strange)} of {len(files)} .wav files are not named "
            f"<digit>_<speaker>_<index>.wav, e.g. {strange[0]}; rename or remove them"
        )
    return [recording for _, recording in found if recording is not None]


def split_recordings(
    recordings: list[Recording], speaker_disjoint: bool, rng: np.random.Generator
) -> dict[str, list[Recording]]:
    """Divides recordings into train, val and test.

    By default as the dataset's authors do: indices 0-4 of every speaker and digit are the test;
    indices 5-9 then serve for validation. Speaker-disjoint, about a sixth of the speakers go to
    either, with all their recordings.

    Raises:
        UserError: There are fewer than 3 speakers to divide.
    """
    if not speaker_disjoint:
        return {
            "train": [r for r in recordings if r.index >= 10],
            "val": [r for r in recordings if 5 <= r.index < 10],
            "test": [r for r in recordings if r.index < 5],
        }
    speakers = sorted(Counter(r.speaker for r in recordings))
    if len(speakers) < 3:
        raise UserError(
            f"got {len(speakers)} speakers ({', '.join(speakers)}), expected 3 or more to keep "
            "them apart; leave speaker_disjoint off"
        )
    each = max(1, round(len(speakers) / 6))
    order = [speakers[i] for i in rng.permutation(len(speakers))]
    parts = {"test": order[:each], "val": order[each : 2 * each], "train": order[2 * each :]}
    return {
        name: [r for r in recordings if r.speaker in parts[name]]
        for name in ("train", "val", "test")
    }
