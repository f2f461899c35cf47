"""Makes a store of the files of Kinetics-Sounds, or checks them."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from g2d.benchmark.datasets.audiovisual.check import check_clips
from g2d.benchmark.datasets.audiovisual.decode import Decoder
from g2d.benchmark.datasets.audiovisual.prepare import prepare_clips
from g2d.benchmark.datasets.kinetics_sounds.layout import read_layout
from g2d.benchmark.datasets.kinetics_sounds.rows import CLASSES
from g2d.benchmark.datasets.parts import PARTS
from g2d.data.preparation import Counted
from g2d.data.preparation.report import Report

KIND = "kinetics_sounds"


def prepare(
    root: str | Path,
    out: str | Path,
    tables: str | Path | None = None,
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
        root: Folder of Kinetics-400, with the clips in `train`, `val` and `test`.
        out: Folder to make; must not exist.
        tables: Folder of the three tables; `root` or `root/annotations` when not given.
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
        UserError: A table or the clips of a part are missing, a clip comes twice, too many clips
            cannot be used, or `out` exists.
    """
    return prepare_clips(
        read_layout(root, tables),
        out,
        KIND,
        Decoder(side, most_frames, dtype),
        tolerance=tolerance,
        workers=workers,
        progress=progress,
    )


def check(
    root: str | Path,
    tables: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Decodes every clip and reports what is wrong with files and tables.

    Args:
        root: Folder of Kinetics-400, with the clips in `train`, `val` and `test`.
        tables: Folder of the three tables; `root` or `root/annotations` when not given.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of clips done and of all clips.
    """
    layout = read_layout(root, tables)
    there = sum(sample.sources["video"].is_file() for sample in layout.samples)
    labels = {row.label for row in layout.rows}
    facts = [
        f"{there} of the {len(layout.rows)} clips of the tables are there",
        f"{len(labels)} of the {len(CLASSES)} classes",
    ]
    return check_clips(layout, facts, PARTS, workers=workers, progress=progress)
