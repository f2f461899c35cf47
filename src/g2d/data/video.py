"""Video: a few frames of every second, small, without ever holding the whole clip."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from math import floor
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from g2d.data.preparation.sample import UnusableError, readable
from g2d.errors import require

# A file whose frames end before this share of its duration was cut short on the way.
_WHOLE = 0.75


class Clip(NamedTuple):
    """The frames that were taken from a video.

    Attributes:
        frames: RGB, `(n, h, w, 3)` uint8.
        seconds: How long the decoded picture lasts.
    """

    frames: NDArray[np.uint8]
    seconds: float


def is_kept(number: int, fps: int, rate: int) -> bool:
    """Whether a frame is among the `rate` that are kept of every second.

    With p the place of the frame in its second and i = fps // rate, a frame is kept when
    p < i · rate and p is a multiple of i (the frame rule of the G²D and OGM-GE repositories).

    Args:
        number: Of the frame, from 0.
        fps: Frames of a second, rounded down.
        rate: Frames wanted of a second.

    Example:
        >>> [number for number in range(60) if is_kept(number, fps=29, rate=2)]
        [0, 14, 29, 43, 58]
    """
    every = max(1, fps // rate)
    place = number % max(1, fps)
    return place < every * rate and place % every == 0


def read_frames(path: str | Path, rate: int = 1, side: int = 256) -> Clip:
    """Decodes a video and keeps some of its frames.

    Frames are scaled so that the shorter side is `side` (those smaller already stay as they are),
    with PIL's antialiased bilinear filter. One decoded frame is in memory at a time.

    Args:
        path: A file of any kind that FFmpeg reads.
        rate: Frames kept of every second, see `is_kept`.
        side: Shorter side of what is kept, in pixels.

    Raises:
        UnusableError: The file is missing, empty, no video or damaged, has no frame rate, no
            duration or no frame, or ends before three quarters of the duration it claims.
    """
    image = require("PIL.Image", "datasets")
    path = readable(Path(path))
    kept: list[NDArray[np.uint8]] = []
    size: tuple[int, int] | None = None
    count, end = 0, 0.0
    with opened(path) as container:
        if not container.streams.video:
            raise UnusableError(f"{path.name} has no picture")
        stream = container.streams.video[0]
        fps = stream.guessed_rate or stream.average_rate
        if not fps:
            raise UnusableError(f"{path.name} has no frame rate")
        duration = _duration(container, stream)
        if duration <= 0:
            raise UnusableError(f"{path.name} has no duration")
        stream.codec_context.thread_count = 1  # there is a process for every core already
        for frame in container.decode(stream):
            if is_kept(count, floor(fps), rate):
                if size is None:
                    size = scaled((frame.width, frame.height), side)
                picture = image.fromarray(frame.to_ndarray(format="rgb24"))
                kept.append(np.asarray(picture.resize(size, image.Resampling.BILINEAR)))
            count += 1
            end = count / float(fps) if frame.time is None else max(end, frame.time)
    if not kept:
        raise UnusableError(f"{path.name} has no frame")
    seconds = max(end - _start(stream) + 1 / float(fps), count / float(fps))
    if seconds < _WHOLE * duration:
        raise UnusableError(
            f"{path.name} is cut short: its frames end at {seconds:.1f} of {duration:.1f} s"
        )
    return Clip(np.stack(kept), seconds)


def scaled(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Width and height such that the shorter is `side`; never larger than they were.

    Example:
        >>> scaled((480, 360), 256), scaled((100, 80), 256)
        ((341, 256), (100, 80))
    """
    shorter = min(size)
    if shorter <= side:
        return size
    width, height = (max(side, round(length * side / shorter)) for length in size)
    return width, height


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A container, and what goes wrong in it as one error.

    Raises:
        UnusableError: The file is no sound or video, or is damaged.
    """
    av = require("av", "datasets")
    try:
        with av.open(str(path), metadata_errors="replace") as container:
            yield container
    except av.FFmpegError as error:
        raise UnusableError(f"{path.name} is damaged ({error.strerror})") from None


def _duration(container: Any, stream: Any) -> float:
    """Seconds, by the stream itself where it has it, else by the container; 0 if neither has."""
    if stream.duration:
        return float(stream.duration * stream.time_base)
    return (container.duration or 0) / 1_000_000  # in microseconds


def _start(stream: Any) -> float:
    return float((stream.start_time or 0) * stream.time_base)
