"""Recordings."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from g2d.data.audio import log_mel, mel_filters, read_wav, wave_bytes, wave_seconds
from g2d.data.soundtrack import read_sound
from g2d.errors import UserError
from g2d.table.kinds.base import Array, Arrays, Kind, one_column, share, whole
from g2d.table.kinds.moments import Moments
from g2d.table.kinds.paths import path_in
from g2d.table.reading.cells import Cell

# What libsndfile does not read, and FFmpeg does.
_TRACKS = (".m4a", ".aac")
# Samples that were written as whole numbers of 16 bits are still sound, and anything beyond is not.
_LOUDEST = 1e5


class Audio(Kind):
    """Paths of recordings, any format that libsndfile reads, and M4A, as log-mel spectrograms.

    Args:
        columns: One column of paths.
        seconds: Length that every recording is cut or padded with silence to.
        rate: Sampling rate, in Hz.
        mels: Bands of the spectrogram, one every 10 ms.
    """

    name = "audio"
    summary = "bands"
    media = "audio/*"
    paths = True

    def __init__(
        self, columns: Sequence[str], seconds: float = 3.0, rate: int = 16_000, mels: int = 40
    ) -> None:
        super().__init__(columns, seconds=seconds, rate=rate, mels=mels)
        self._column = one_column(self.name, columns)
        self.rate = whole(self.name, "rate", rate, 1000)
        self.mels = whole(self.name, "mels", mels, 4)
        if not isinstance(seconds, int | float) or not 0.05 <= seconds <= 3600:
            raise UserError(
                f"{self.name}: got seconds={seconds!r}, expected a number from 0.05 to 3600"
            )
        self.seconds = seconds
        mel_filters(self.rate, self._n_fft, self.mels)  # refuses bands that catch no frequency
        self._mean, self._scale = 0.0, 1.0

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """Decodes a recording to decibels `(mels, frames)`, float16."""
        cell = cells[self._column]
        if cell is None:
            return None
        path = path_in(cell, folder)
        if path.suffix.lower() in _TRACKS:
            wave = read_sound(path, self.rate)
        else:
            wave = read_wav(path, self.rate, self.seconds)
        if len(wave) == 0:
            raise UserError(f"{cell!r} has no samples")
        if not np.isfinite(wave).all():
            raise UserError(f"{cell!r} holds samples that are not numbers")
        if (loudest := float(np.abs(wave).max())) > _LOUDEST:
            raise UserError(f"{cell!r} holds samples of {loudest:.1g}, full scale being 1")
        length = round(self.seconds * self.rate)
        cut = np.zeros(length, np.float32)
        cut[: min(length, len(wave))] = wave[:length]
        spectrum = log_mel(torch.from_numpy(cut), self.rate, self._n_fft, self._hop, self.mels)
        return spectrum.numpy().astype(np.float16)

    def fit(self, arrays: Arrays) -> None:
        """Mean and standard deviation over all bands and frames."""
        moments = Moments(1)
        for array in arrays():
            moments.add(array.reshape(-1, 1))
        self._mean, self._scale = moments.mean.item(), moments.scale.item()

    def shortened(self, rows: Sequence[Mapping[str, Cell]], folder: Path) -> list[str]:
        """How many recordings are longer than `seconds`."""
        lengths = [
            length
            for row in rows
            for path in self.files(row, folder)
            if (length := wave_seconds(path)) is not None
        ]
        longer = sum(length > self.seconds + 0.05 for length in lengths)
        if not longer:
            return []
        return [
            f"{share(longer, len(lengths))} recordings looked at are longer than the "
            f"{self.seconds:g} s that are read; seconds: {math.ceil(max(lengths))} reads them whole"
        ]

    def finish(self, array: Array) -> Array:
        """Standardised, with a channel in front."""
        return ((array.astype(np.float32) - self._mean) / self._scale)[None]

    def unpacked(self, path: Path) -> int:
        """Bytes of the part of the recording that is read."""
        return wave_bytes(path, self.seconds)

    @property
    def _n_fft(self) -> int:
        """25 ms or more, a power of two."""
        return int(2 ** np.ceil(np.log2(0.025 * self.rate)))

    @property
    def _hop(self) -> int:
        return self.rate // 100

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(1, mels, frames)`."""
        return (1, self.mels, 1 + round(self.seconds * self.rate) // self._hop)

    @property
    def suggested(self) -> dict[str, Any]:
        """A small convolutional network on the spectrogram."""
        return {"name": "small_cnn", "channels": 1}

    def state(self) -> dict[str, Any]:
        """The fitted mean and standard deviation."""
        return {"mean": self._mean, "scale": self._scale}

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Restores mean and standard deviation."""
        self._mean, self._scale = float(state["mean"]), float(state["scale"])
