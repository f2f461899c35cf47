"""Decodes a clip of ten seconds with its sound."""

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
from g2d.errors import UserError

RATE, SECONDS, N_FFT, HOP = 16000, 10, 256, 128
# As in the published code: the folders of frames it trains on have more than 3.
_FEWEST = 4


@dataclass(frozen=True)
class Decoder:
    """Spectrogram and frames of a clip.

    Attributes:
        side: Shorter side of a frame.
        most_frames: Frames kept of a clip, evenly spaced; of each second one when `None`.
        dtype: Of the spectrogram.

    Raises:
        UserError: `most_frames` is below 1.
    """

    side: int = 256
    most_frames: int | None = None
    dtype: Literal["float16", "float32"] = "float16"

    def __post_init__(self) -> None:
        if self.most_frames is not None and self.most_frames < 1:
            raise UserError(f"got most_frames={self.most_frames}, expected 1 or more, or none")

    def __call__(self, sample: Sample) -> Mapping[str, NDArray[np.generic]]:
        """`audio` `(129, 1251)` and `video` `(n, h, w, 3)`.

        Raises:
            UnusableError: A file cannot be read or is silent, or there are too few frames.
        """
        video = sample.sources["video"]
        frames = read_frames(video, rate=1, side=self.side).frames
        if len(frames) < _FEWEST:
            raise UnusableError(
                f"{video.name} has {len(frames)} frames at one a second, expected {_FEWEST} or more"
            )
        wave = ten_seconds(read_sound(sample.sources.get("audio", video), RATE))
        spectrogram = log_spectrogram(wave, N_FFT, HOP)
        return {"audio": spectrogram.astype(self.dtype), "video": thinned(frames, self.most_frames)}

    def options(self) -> dict[str, Any]:
        """What a store records of how it was made."""
        return {"side": self.side, "most_frames": self.most_frames, "dtype": self.dtype}


def ten_seconds(wave: Waveform) -> Waveform:
    """The recording, doubled until it lasts 10 s or more, cut after 10 s.

    Example:
        >>> len(ten_seconds(np.ones(70000))), ten_seconds(np.arange(3.0))[:7].tolist()
        (160000, [0.0, 1.0, 2.0, 0.0, 1.0, 2.0, 0.0])
    """
    length = RATE * SECONDS
    while len(wave) < length:
        wave = np.concatenate([wave, wave])
    return wave[:length]


def thinned(frames: NDArray[np.uint8], most: int | None) -> NDArray[np.uint8]:
    """At most so many frames: of n, those at ⌊(i + 0.5) n / most⌋.

    Example:
        >>> thinned(np.arange(10), 3).tolist(), thinned(np.arange(2), 3).tolist()
        ([1, 5, 8], [0, 1])
    """
    if most is None or len(frames) <= most:
        return frames
    return frames[[(2 * i + 1) * len(frames) // (2 * most) for i in range(most)]]
