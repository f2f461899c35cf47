"""Looking through the files of VGGSound."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from g2d.benchmark.datasets.audiovisual.check import check_clips
from g2d.benchmark.datasets.vggsound.layout import CLASSES, read_layout
from g2d.benchmark.datasets.vggsound.rows import PARTS
from g2d.data.preparation.report import Report


def check(
    root: str | Path,
    csv: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Decodes every clip and says what is wrong with files and table.

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
