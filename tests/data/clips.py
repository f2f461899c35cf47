"""Little clips written with real codecs."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import soundfile

NTSC = Fraction(30000, 1001)


def picture(number: int, seed: int, size: tuple[int, int] = (64, 48)) -> np.ndarray:
    """Frame `number` of a clip: coloured blocks that move to the right."""
    width, height = size
    blocks = np.random.default_rng(seed).integers(0, 256, (6, 8, 3)).astype(np.uint8)
    whole = np.kron(blocks, np.ones((height // 6, width // 8, 1), np.uint8))
    return np.ascontiguousarray(np.roll(whole, number, axis=1))


def tone(seconds: float, rate: int, seed: int, channels: int = 1) -> np.ndarray:
    """A sine with some noise, `(T, channels)` float32."""
    rng = np.random.default_rng(seed)
    time = np.arange(round(seconds * rate)) / rate
    wave = 0.3 * np.sin(2 * np.pi * (200 + 40 * (seed % 50)) * time)[:, None]
    noise = 0.01 * rng.standard_normal((len(time), channels))
    return (wave * np.linspace(1, 0.5, channels) + noise).astype(np.float32)


def write_video(
    path: Path,
    frames: int,
    *,
    codec: str = "flv",
    rate: Fraction | int = NTSC,
    size: tuple[int, int] = (64, 48),
    seed: int = 0,
    sound: np.ndarray | None = None,
    sound_rate: int = 44100,
    options: dict[str, str] | None = None,
) -> None:
    """Writes a clip of moving blocks; `sound` `(T, channels)` becomes an AAC track."""
    with av.open(str(path), "w", options=options or {}) as container:
        stream = container.add_stream(codec, rate=rate)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.thread_count = 1  # threads would take longer to start than to work
        track = None
        if sound is not None:
            layout = {1: "mono", 2: "stereo"}[sound.shape[1]]
            track = container.add_stream("aac", rate=sound_rate, layout=layout)
        for number in range(frames):
            frame = av.VideoFrame.from_ndarray(picture(number, seed, size), format="rgb24")
            frame.pts = number
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
        if track is not None:
            frame = av.AudioFrame.from_ndarray(
                np.ascontiguousarray(sound.T), format="fltp", layout=layout
            )
            frame.sample_rate, frame.pts = sound_rate, 0
            container.mux(track.encode(frame))
            container.mux(track.encode())


def write_wav(path: Path, wave: np.ndarray, rate: int = 16000) -> None:
    """PCM of 16 bits."""
    soundfile.write(path, wave, rate, subtype="PCM_16")


def cut_short(path: Path, share: float = 0.5) -> None:
    """Leaves the first part of a file."""
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
