"""Making a store of VGGSound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Literal

from g2d.benchmark.datasets.audiovisual.prepare import prepare_clips
from g2d.benchmark.datasets.vggsound.layout import read_layout

KIND = "vggsound"


def prepare(
    root: str | Path,
    out: str | Path,
    csv: str | Path | None = None,
    *,
    side: int = 256,
    most_frames: int | None = None,
    dtype: Literal["float16", "float32"] = "float16",
    tolerance: float = 0.005,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Path:
    """Decodes every clip: the spectrogram of its ten seconds, and one frame of each.

    Args:
        root: Folder with `video/<id>_<start>.mp4`, or into which the archives were unpacked.
        out: Folder to make; must not exist.
        csv: The table of all clips; `vggsound.csv` in `root` when not given.
        side: Shorter side of the frames, in pixels.
        most_frames: Frames kept of a clip, evenly spaced; one of each second when not given.
        dtype: Of the spectrograms; float16 is off by 0.004 at most down to -16, and by 0.008 in
            silence.
        tolerance: The largest share of clips that may be missing or unusable.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of clips done and of all clips.

    Returns:
        `out`.

    Raises:
        UserError: The table or the videos are missing, a clip comes twice, too many clips
            cannot be used, or `out` exists.
    """
    return prepare_clips(
        read_layout(root, csv),
        out,
        KIND,
        side=side,
        most_frames=most_frames,
        dtype=dtype,
        tolerance=tolerance,
        workers=workers,
        progress=progress,
    )
