"""The sound of a turn, and its mel bands over time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from g2d.benchmark.datasets.iemocap.windows import averaged
from g2d.data.audio import Waveform, log_mel, read_wav
from g2d.data.preparation import UnusableError, readable
from g2d.errors import UserError

RATE = 16_000
# As many as MLA's pipeline has, of windows of 32 ms every 10 ms.
BANDS = 128
_N_FFT, _HOP = 512, RATE // 100


def read_speech(file: Path) -> Waveform:
    """Reads the sound of a turn, at 16 kHz.

    Raises:
        UnusableError: The file is missing, damaged, empty or silent.
    """
    readable(file)
    try:
        wave = read_wav(file, RATE)
    except UserError:
        raise UnusableError(f"{file.name} is no sound, or damaged") from None
    if not len(wave):
        raise UnusableError(f"{file.name} has no samples")
    if not wave.any():
        raise UnusableError(f"{file.name} is silent")
    return wave


def bands_of(wave: Waveform, steps_per_second: int) -> NDArray[np.float32]:
    """Decibels in 128 mel bands, averaged over equal windows.

    Args:
        wave: At 16 kHz, `(T,)`.
        steps_per_second: Windows in a second, 1 to 100; the last one may be shorter.

    Returns:
        `(steps, 128)`.

    Example:
        >>> bands_of(np.ones(24_000, np.float32), 10).shape
        (15, 128)
    """
    frames = max(1, len(wave) // _HOP)  # one more would be centred on the end
    level = log_mel(torch.from_numpy(wave), RATE, _N_FFT, _HOP, BANDS)[:, :frames].T
    window = np.arange(frames) * steps_per_second // 100
    return averaged(level.numpy(), window, int(window[-1]) + 1)
