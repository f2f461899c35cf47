"""Sound: reading, spectrograms, noise. Waveforms are float32 mono, full scale being 1."""

from __future__ import annotations

import math
from functools import lru_cache
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from g2d.errors import UserError, check_choice, require

Waveform = NDArray[np.float32]


# What is read beyond the end that is asked for: longer than any filter that resamples.
_MARGIN = 0.25


def read_wav(path: str | Path, rate: int, seconds: float | None = None) -> Waveform:
    """Reads a sound file as mono at a given rate.

    Args:
        path: A WAV file (or whatever else libsndfile reads).
        rate: Sampling rate wanted, in Hz; a file of another rate is resampled.
        seconds: The most to give, from the beginning; the rest of the file is not read.

    Returns:
        Samples, `(T,)`; several channels are averaged, but where they cancel each other (their mean
        has less than a hundredth of their power) the loudest is taken.

    Raises:
        UserError: The file is missing or is not sound.
    """
    sound = require("soundfile", "audio")
    try:
        with sound.SoundFile(str(path)) as file:
            own_rate = file.samplerate
            frames = -1 if seconds is None else math.ceil((seconds + _MARGIN) * own_rate)
            samples = file.read(frames, dtype="float32", always_2d=True)
    except (sound.LibsndfileError, OSError) as error:
        raise UserError(f"cannot read {path} as sound ({error}); expected a WAV file") from None
    mono = _mono(samples)
    if own_rate != rate:
        mono = require("soxr", "audio").resample(mono, own_rate, rate)
    return mono if seconds is None else mono[: round(seconds * rate)]


def _mono(samples: NDArray[np.float32]) -> Waveform:
    mean: Waveform = samples.mean(axis=1, dtype=np.float32)
    if samples.shape[1] == 1 or not len(samples):
        return mean
    powers = np.square(samples, dtype=np.float64).mean(axis=0)
    if np.square(mean, dtype=np.float64).mean() >= 0.01 * powers.mean():
        return mean
    return np.ascontiguousarray(samples[:, int(powers.argmax())])


def wave_seconds(path: str | Path) -> float | None:
    """How long a sound file is, read off its header; `None` where this is no sound file."""
    sound = require("soundfile", "audio")
    try:
        return float(sound.info(str(path)).duration)
    except (sound.LibsndfileError, OSError):
        return None


def wave_bytes(path: str | Path, seconds: float | None = None) -> int:
    """The bytes that a sound file's samples take in memory, read off its header.

    Args:
        path: The file.
        seconds: As for `read_wav`.

    Returns:
        Bytes as float32; 0 where this is no sound file.
    """
    sound = require("soundfile", "audio")
    try:
        about = sound.info(str(path))
    except (sound.LibsndfileError, OSError):
        return 0
    frames = int(about.frames)
    if seconds is not None:
        frames = min(frames, math.ceil((seconds + _MARGIN) * about.samplerate))
    return frames * int(about.channels) * 4


def stft_magnitude(wave: Tensor, n_fft: int, hop: int) -> Tensor:
    """Magnitude of the short-time Fourier transform: Hann window, centred, zeros at the ends.

    Args:
        wave: `(T,)` or `(B, T)`.
        n_fft: Window and transform length, in samples.
        hop: Step between frames, in samples.

    Returns:
        `(n_fft // 2 + 1, 1 + T // hop)`, with the batch dimension in front where there was one.

    Example:
        >>> stft_magnitude(torch.ones(100), n_fft=16, hop=10).shape
        torch.Size([9, 11])
    """
    return torch.stft(
        wave,
        n_fft,
        hop_length=hop,
        window=torch.hann_window(n_fft, dtype=wave.dtype, device=wave.device),
        center=True,
        pad_mode="constant",
        return_complex=True,
    ).abs()


def decibels(magnitude: Tensor, reference: float, floor: float = -80.0) -> Tensor:
    """20 log10(magnitude / reference), nothing below `floor`.

    The reference is fixed rather than taken from each recording, so that loudness survives.

    Example:
        >>> decibels(torch.tensor([1.0, 0.1, 0.0]), reference=1.0)
        tensor([  0., -20., -80.])
    """
    least = reference * 10 ** (floor / 20)
    return 20 * (magnitude.clamp(min=least) / reference).log10()


def full_scale(n_fft: int) -> float:
    """Magnitude that `stft_magnitude` gives to a sine of amplitude 1 on a bin's frequency.

    Example:
        >>> time = torch.arange(400) / 40
        >>> peak = stft_magnitude((2 * torch.pi * 5 * time).sin(), 40, 20)[5, 10]
        >>> round(peak.item() / full_scale(40), 4)
        1.0
    """
    return n_fft / 4  # half of the sum of the window, which is n_fft / 2


@lru_cache(maxsize=16)
def mel_filters(rate: int, n_fft: int, n_mels: int) -> Tensor:
    """Triangular filters equally spaced on Slaney's mel scale, each of unit area in Hz.

    Args:
        rate: Sampling rate, in Hz.
        n_fft: Transform length, in samples.
        n_mels: How many filters, from 0 Hz to half the rate.

    Returns:
        `(n_mels, n_fft // 2 + 1)`.

    Raises:
        UserError: There are so many filters that some catch no frequency bin.

    Example:
        >>> mel_filters(8000, 256, 20).shape
        torch.Size([20, 129])
    """
    bins = np.linspace(0, rate / 2, n_fft // 2 + 1)
    edges = _hertz(np.linspace(0, _mel(rate / 2), n_mels + 2))
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (bins - low) / (centre - low), (high - bins) / (high - centre)
    filters = np.minimum(rising, falling).clip(min=0) * (2 / (high - low))
    if not filters.any(axis=1).all():
        raise UserError(f"got n_mels={n_mels} with n_fft={n_fft}: a filter is empty; lower n_mels")
    return torch.from_numpy(filters.astype(np.float32))


# Slaney's scale: linear up to 1 kHz (200/3 Hz a mel), then logarithmic (27 mels for a factor 6.4).
_BREAK_HZ, _HZ_PER_MEL, _LOG_STEP = 1000.0, 200.0 / 3, np.log(6.4) / 27


def _mel(hertz: float) -> float:
    if hertz < _BREAK_HZ:
        return hertz / _HZ_PER_MEL
    return float(_BREAK_HZ / _HZ_PER_MEL + np.log(hertz / _BREAK_HZ) / _LOG_STEP)


def _hertz(mel: NDArray[np.float64]) -> NDArray[np.float64]:
    break_mel = _BREAK_HZ / _HZ_PER_MEL
    curved = _BREAK_HZ * np.exp(_LOG_STEP * (mel - break_mel))
    return np.where(mel < break_mel, mel * _HZ_PER_MEL, curved)


def mel_power(wave: Tensor, rate: int, n_fft: int, hop: int, n_mels: int) -> Tensor:
    """Power in every mel band over time, `(..., n_mels, 1 + T // hop)`.

    Example:
        >>> mel_power(torch.ones(8000), 8000, 256, 80, 20).shape
        torch.Size([20, 101])
    """
    return mel_filters(rate, n_fft, n_mels).to(wave) @ stft_magnitude(wave, n_fft, hop).square()


def log_mel(
    wave: Tensor,
    rate: int,
    n_fft: int,
    hop: int,
    n_mels: int,
    reference: float = 1.0,
    floor: float = -80.0,
) -> Tensor:
    """`mel_power` in decibels of a fixed power `reference`, nothing below `floor`.

    Example:
        >>> log_mel(torch.zeros(8000), 8000, 256, 80, 20).unique()
        tensor([-80.])
    """
    return decibels(mel_power(wave, rate, n_fft, hop, n_mels).sqrt(), reference**0.5, floor)


def mix_at_snr(signal: Waveform, noise: Waveform, snr_db: float) -> Waveform:
    """Adds noise, scaled so that the signal's power is `snr_db` decibels above it.

    Args:
        signal: `(T,)`; it keeps its level.
        noise: `(T,)`.
        snr_db: Signal-to-noise ratio over the whole recording; `inf` adds nothing.

    Raises:
        UserError: Lengths differ, or one of the two is silent and no ratio can be had.

    Example:
        >>> mix_at_snr(np.ones(2, np.float32), np.array([2, -2], np.float32), snr_db=0.0)
        array([2., 0.], dtype=float32)
    """
    if signal.shape != noise.shape:
        raise UserError(f"got {signal.shape} samples of signal and {noise.shape} of noise")
    if snr_db == np.inf:
        return signal.astype(np.float32)
    loud = float(np.square(signal, dtype=np.float64).mean())
    hiss = float(np.square(noise, dtype=np.float64).mean())
    if not (loud > 0 and hiss > 0):
        raise UserError("got a silent signal or silent noise, whose ratio cannot be set")
    gain = np.sqrt(loud / hiss) * 10 ** (-snr_db / 20)
    return np.asarray(signal + gain * noise, dtype=np.float32)


def noise(kind: Literal["white", "pink"], length: int, rng: np.random.Generator) -> Waveform:
    """Gaussian noise of unit power: as much in every hertz (white) or every octave (pink).

    Example:
        >>> noise("pink", 5, np.random.default_rng(0)).shape
        (5,)
    """
    check_choice("noise", kind, ("white", "pink"))
    white = rng.standard_normal(length)
    if kind == "white":
        return white.astype(np.float32)
    spectrum = np.fft.rfft(white)
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    pink = np.fft.irfft(spectrum, length)
    power = np.square(pink).mean()
    return (pink / np.sqrt(power) if power > 0 else pink).astype(np.float32)
