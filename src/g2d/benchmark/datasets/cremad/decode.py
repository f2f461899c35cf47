"""Decodes one clip of CREMA-D."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from g2d.data.audio import Waveform
from g2d.data.preparation import Sample, UnusableError
from g2d.data.soundtrack import log_spectrogram, read_sound
from g2d.data.video import read_frames

RATE, SECONDS, N_FFT, HOP = 22050, 3, 512, 353
# A picture and a sound of which one lasts this many times longer are not of one clip.
_APART = 2.0


@dataclass(frozen=True)
class Decoder:
    """Spectrogram and frames of a clip.

    Attributes:
        fps: Frames kept of every second.
        side: Shorter side of a frame.
        dtype: Of the spectrogram.
    """

    fps: int = 1
    side: int = 256
    dtype: Literal["float16", "float32"] = "float16"

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic]]:
        """`audio` `(257, 188)` and `video` `(n, h, w, 3)`.

        Raises:
            UnusableError: A file cannot be read, is silent, or the two are not of one clip.
        """
        wave = read_sound(sample.sources["audio"], RATE)
        clip = read_frames(sample.sources["video"], self.fps, self.side)
        seconds = len(wave) / RATE
        if not 1 / _APART <= clip.seconds / seconds <= _APART:
            raise UnusableError(
                f"the picture lasts {clip.seconds:.1f} s and the sound {seconds:.1f} s: they are "
                "not of one clip"
            )
        spectrogram = log_spectrogram(three_seconds(wave), N_FFT, HOP)
        return {"audio": spectrogram.astype(self.dtype), "video": clip.frames}

    def options(self) -> dict[str, Any]:
        """What a store records of how it was made."""
        return {"fps": self.fps, "side": self.side, "dtype": self.dtype}


def three_seconds(wave: Waveform) -> Waveform:
    """The recording, repeated as often as needed, cut after 3 s.

    Example:
        >>> three_seconds(np.array([1, 2], np.float32))[:5], len(three_seconds(np.ones(99999)))
        (array([1., 2., 1., 2., 1.], dtype=float32), 66150)
    """
    length = RATE * SECONDS
    return np.tile(wave, -(-length // len(wave)))[:length]
