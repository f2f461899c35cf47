"""The sound of clips: from a WAV file, or from the video's own track; and its spectrogram."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.data.audio import Waveform, read_wav, stft_magnitude
from g2d.data.preparation.sample import UnusableError, readable
from g2d.data.video import opened
from g2d.errors import require

# Below this every sample is 0, or rounding: 3 steps of 16 bits.
_SILENT = 1e-4
_LEAST = 1e-7


def read_sound(path: str | Path, rate: int) -> Waveform:
    """Reads a WAV file, or the first sound track of a video.

    Args:
        path: A file that ends in `.wav`, or a video.
        rate: Sampling rate wanted, in Hz; other rates are resampled (soxr, high quality).

    Returns:
        Samples, `(T,)`, clamped to [-1, 1]; several channels are averaged.

    Raises:
        UnusableError: The file is missing, empty, damaged or cut short, or there is no sound in
            it, or nothing but silence.
    """
    path = readable(Path(path))
    if path.suffix.lower() == ".wav":
        _check_length(path)
        wave = read_wav(path, rate)
    else:
        wave = _track(path, rate)
    if not len(wave):
        raise UnusableError(f"{path.name} holds no sound")
    if not np.abs(wave).max() > _SILENT:
        raise UnusableError(f"{path.name} is silent")
    return wave.clip(-1, 1)


def log_spectrogram(wave: Waveform, n_fft: int, hop: int) -> NDArray[np.float32]:
    """ln(|STFT| + 1e-7): Hann window as long as the transform, centred, zeros at the ends.

    Args:
        wave: `(T,)`.
        n_fft: Window and transform length, in samples.
        hop: Step between columns, in samples.

    Returns:
        `(n_fft // 2 + 1, 1 + T // hop)`, nothing below ln(1e-7) = -16.118.

    Example:
        >>> log_spectrogram(np.zeros(66150, np.float32), n_fft=512, hop=353).shape
        (257, 188)
    """
    magnitude = stft_magnitude(torch.from_numpy(wave), n_fft, hop)
    spectrogram: NDArray[np.float32] = (magnitude + _LEAST).log().numpy()
    return spectrogram


def _check_length(path: Path) -> None:
    """Refuses what was cut short: libsndfile reads the rest without an error."""
    with path.open("rb") as stream:
        head = stream.read(12)
    size = path.stat().st_size
    claimed = int.from_bytes(head[4:8], "little") + 8
    # programs that write to a pipe leave 0 or the largest number there
    if head[:4] == b"RIFF" and 8 < claimed < 2**32 - 1 and size < claimed - 1:
        raise UnusableError(f"{path.name} is cut short: {size} of {claimed} bytes")


def _track(path: Path, rate: int) -> Waveform:
    av = require("av", "datasets")
    parts: list[NDArray[np.float32]] = []
    with opened(path) as container:
        if not container.streams.audio:
            raise UnusableError(f"{path.name} has no sound track")
        stream = container.streams.audio[0]
        # of the sample format alone: channels are averaged and the rate is changed as for WAV
        planar = av.AudioResampler(format="fltp")
        for frame in container.decode(stream):
            parts += [piece.to_ndarray().mean(axis=0) for piece in planar.resample(frame)]
        own_rate = stream.rate
    if not parts:
        return np.zeros(0, np.float32)
    mono: Waveform = np.concatenate(parts).astype(np.float32, copy=False)
    if own_rate == rate:
        return mono
    resampled: Waveform = require("soxr", "audio").resample(mono, own_rate, rate)
    return resampled
