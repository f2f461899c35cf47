"""Clips."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from g2d.errors import UserError, require
from g2d.table.kinds.base import Array, Kind, one_column, whole
from g2d.table.kinds.paths import path_in
from g2d.table.reading.cells import Cell

# Frames that are held while a clip of unknown length is read; then every second one goes.
_HELD = 64


class Video(Kind):
    """Paths of video files, any format that FFmpeg reads, as a few frames.

    A clip is cut into as many equal parts as there are frames to take, and the frame in the
    middle of each is taken; a clip of fewer frames shows some of them more than once.

    Args:
        columns: One column of paths.
        frames: How many frames to take.
        side: Height and width that every frame is resized to, in pixels.
    """

    name = "video"
    summary = "frames"
    media = "video/*"
    paths = True

    def __init__(self, columns: Sequence[str], frames: int = 4, side: int = 64) -> None:
        super().__init__(columns, frames=frames, side=side)
        self._column = one_column(self.name, columns)
        self.frames = whole(self.name, "frames", frames, 1)
        self.side = whole(self.name, "side", side, 8)

    def decode(self, cells: Mapping[str, Cell], folder: Path) -> Array | None:
        """Pixels `(frames, side, side, 3)`, uint8."""
        cell = cells[self._column]
        if cell is None:
            return None
        return read_clip(path_in(cell, folder), self.frames, self.side)

    def finish(self, array: Array) -> Array:
        """Channels first, then frames, from -1 to 1."""
        return np.moveaxis(array.astype(np.float32) / 127.5 - 1, 3, 0)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of an input, `(3, frames, side, side)`."""
        return (3, self.frames, self.side, self.side)

    @property
    def suggested(self) -> dict[str, Any]:
        """A small convolutional network, frame by frame."""
        return {"name": "small_cnn", "channels": 3}


def read_clip(path: Path, frames: int, side: int) -> Array:
    """Frames evenly spread over a clip, `(frames, side, side, 3)` uint8.

    The file is decoded from end to end, since the length in containers is often wrong,
    with a bounded number of frames in memory. Of a clip that is broken in its middle, what comes
    before is used.

    Raises:
        UserError: It is no video, or none of its frames can be decoded.
    """
    av = require("av", "datasets")
    # A clip is never held as a whole: all frames, then every 2nd, every 4th, and so on.
    held: list[tuple[int, Any]] = []
    count, every, most = 0, 1, max(_HELD, 8 * frames)
    fault = "no frame in it"
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise UserError(f"{path.name} has no picture, only {_streams(container)}")
            for frame in container.decode(video=0):
                if count % every == 0:
                    held.append((count, _small(frame, side)))
                    if len(held) > most:
                        held, every = held[::2], 2 * every
                count += 1
    except av.FFmpegError as error:
        fault = " ".join(str(error.strerror or error).split())
    if not held:
        raise UserError(f"{path.name} is no video that can be decoded ({fault})")
    numbers = np.array([number for number, _ in held])
    wanted = (np.arange(frames) + 0.5) * count / frames - 0.5
    nearest = np.abs(numbers - wanted[:, None]).argmin(axis=1)
    return np.stack([held[place][1] for place in nearest])


def _small(frame: Any, side: int) -> Array:
    image = require("PIL.Image", "datasets")
    picture = frame.to_image().resize((side, side), image.Resampling.BILINEAR)
    return np.asarray(picture, dtype=np.uint8)


def _streams(container: Any) -> str:
    return ", ".join(sorted({stream.type for stream in container.streams})) or "nothing"
