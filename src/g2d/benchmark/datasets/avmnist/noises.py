"""The noise in which the digits of AV-MNIST are spoken: recorded, or white."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

import numpy as np

from g2d.data.audio import Waveform, noise, read_wav
from g2d.errors import UserError

# ESC-50 cuts several clips (takes A, B, ...) from one recording: "1-17367-A-10.wav". The clips of
# one recording must stay together, or a test noise would have been heard in training.
_ESC50 = re.compile(r"(\d+-\d+)-[A-Z]-\d+")
_PATIENCE = 20


class Noises:
    """Noise for every split, no file serving two.

    Args:
        folder: Holds WAV files; None for white noise.
        rate: Sampling rate wanted, in Hz.
        rng: Decides which file serves which split (60 / 20 / 20 %).

    Raises:
        UserError: The folder holds fewer than three recordings.
    """

    def __init__(self, folder: str | Path | None, rate: int, rng: np.random.Generator) -> None:
        self.files = None if folder is None else _divide(Path(folder), rng)
        # An ESC-50 clip at 8 kHz is 160 kB.
        self._read = lru_cache(maxsize=512)(lambda path: _without_ends(read_wav(path, rate)))

    def draw(self, split: str, length: int, rng: np.random.Generator) -> tuple[Waveform, str]:
        """A stretch of noise, and the name of where it is from.

        Args:
            split: Whose noise.
            length: Samples wanted; a shorter file is repeated.
            rng: Source of the draw.
        """
        if self.files is None:
            return noise("white", length, rng), "white"
        choices = self.files[split]
        for _ in range(_PATIENCE):  # a clip may have silence in its midst, too
            path = choices[int(rng.integers(len(choices)))]
            wave = self._read(path)
            if len(wave) == 0:
                continue
            start = int(rng.integers(max(1, len(wave) - length + 1)))
            stretch = np.resize(wave[start:], length)
            if stretch.any():
                return stretch, path.name
        raise UserError(
            f"{choices[0].parent}: {_PATIENCE} draws of noise were silent; remove silent files"
        )


def _without_ends(wave: Waveform) -> Waveform:
    """A clip without the silence that it was padded with to its length."""
    loud = np.flatnonzero(np.abs(wave) > 1e-4 * np.abs(wave).max(initial=0))
    return wave[loud[0] : loud[-1] + 1] if len(loud) else wave[:0]


def _divide(folder: Path, rng: np.random.Generator) -> dict[str, list[Path]]:
    groups: dict[str, list[Path]] = {}
    for file in sorted(folder.glob("*.wav")):
        clip = _ESC50.fullmatch(file.stem)
        groups.setdefault(clip[1] if clip else file.stem, []).append(file)
    if len(groups) < 3:
        raise UserError(
            f"{folder} holds {len(groups)} noise recordings, expected 3 or more .wav files: "
            "one for each split"
        )
    names = list(groups)
    order = [names[i] for i in rng.permutation(len(names))]
    fifth = max(1, len(order) // 5)
    parts = {"test": order[:fifth], "val": order[fifth : 2 * fifth], "train": order[2 * fifth :]}
    return {
        split: sorted(file for name in members for file in groups[name])
        for split, members in parts.items()
    }
