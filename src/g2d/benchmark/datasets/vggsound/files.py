"""Makes a store of the files of VGGSound, or checks them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from g2d.benchmark.datasets.audiovisual.check import check_clips
from g2d.benchmark.datasets.audiovisual.decode import Decoder
from g2d.benchmark.datasets.audiovisual.prepare import prepare_clips
from g2d.benchmark.datasets.vggsound.layout import CLASSES, read_layout
from g2d.benchmark.datasets.vggsound.rows import PARTS
from g2d.data.preparation import Counted
from g2d.data.preparation.report import Report

KIND = "vggsound"


def prepare(
    root: str | Path,
    out: str | Path,
    csv: str | Path | None = None,
    *,
    side: int = Decoder.side,
    most_frames: int | None = Decoder.most_frames,
    dtype: Literal["float16", "float32"] = Decoder.dtype,
    tolerance: float = 0.005,
    workers: int | None = None,
    progress: Counted | None = None,
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
        Decoder(side, most_frames, dtype),
        tolerance=tolerance,
        workers=workers,
        progress=progress,
    )


def check(
    root: str | Path,
    csv: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Decodes every clip and reports what is wrong with files and table.

    Args:
        root: Folder with `video/<id>_<start>.mp4`, or into which the archives were unpacked.
        csv: The table of all clips; `vggsound.csv` in `root` when not given.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of clips done and of all clips.
    """
    layout = read_layout(root, csv)
    there = sum(sample.sources["video"].is_file() for sample in layout.samples)
    own = sum("audio" in sample.sources for sample in layout.samples)
    facts = [
        f"{there} of the {len(layout.rows)} clips of the table are there, {own} of them with a WAV "
        "file",
        f"{len(layout.classes)} of the {CLASSES} classes of the full table",
    ]
    return check_clips(layout, facts, PARTS, workers=workers, progress=progress)
