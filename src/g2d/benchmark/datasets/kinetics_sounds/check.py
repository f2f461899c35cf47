"""Looking through the files of Kinetics-Sounds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from g2d.benchmark.datasets.audiovisual.check import check_clips
from g2d.benchmark.datasets.audiovisual.layout import PARTS
from g2d.benchmark.datasets.kinetics_sounds.layout import read_layout
from g2d.benchmark.datasets.kinetics_sounds.rows import CLASSES
from g2d.data.preparation.report import Report


def check(
    root: str | Path,
    tables: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Report:
    """Decodes every clip and says what is wrong with files and tables.

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
