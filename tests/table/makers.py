"""Little files with real codecs, for tables that name them."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import soundfile
from PIL import Image


def write_picture(path: Path, seed: int, size: tuple[int, int] = (20, 16)) -> None:
    pixels = np.random.default_rng(seed).integers(0, 256, (*size[::-1], 3)).astype(np.uint8)
    Image.fromarray(pixels).save(path)


def write_sound(path: Path, seed: int, seconds: float = 0.3, rate: int = 8000) -> None:
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * rng.uniform(200, 2000) * time)
    soundfile.write(path, wave + 0.01 * rng.standard_normal(len(time)), rate)


def write_clip(path: Path, frames: int, codec: str = "mpeg4", step: float = 8) -> None:
    """A clip whose frame n is all of one grey, `step` n, so that each frame tells its number."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=10)
        stream.width, stream.height, stream.pix_fmt = 32, 32, "yuv420p"
        stream.bit_rate = 1_000_000
        for number in range(frames):
            pixels = np.full((32, 32, 3), round(step * number), np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, format="rgb24")))
        container.mux(stream.encode())
