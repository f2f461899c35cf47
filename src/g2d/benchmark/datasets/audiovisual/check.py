"""Checks the clips of a table."""

from __future__ import annotations

from collections.abc import Sequence

from g2d.benchmark.datasets.audiovisual.decode import Decoder
from g2d.benchmark.datasets.audiovisual.layout import Layout
from g2d.benchmark.datasets.parts import in_two_parts
from g2d.data.preparation import Counted, inspect
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report


def check_clips(
    layout: Layout,
    facts: Sequence[str],
    parts: Sequence[str],
    *,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Decodes every clip and reports what is wrong with files and table.

    Args:
        layout: Of the original files.
        facts: The first lines of the report.
        parts: Of the official split.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of clips done and of all clips.
    """
    by_part = [
        f"{part}: {sum(row.part == part for row in layout.rows)} rows, "
        f"{len({row.label for row in layout.rows if row.part == part})} classes"
        for part in parts
    ]
    found = inspect(
        layout.samples,
        Decoder(),
        lambda sample: sample.columns["part"],
        workers=workers,
        progress=progress,
    )
    problems = [*some(layout.faults), *some([*in_two_parts(layout.samples, "video")])]
    return Report((*facts, *by_part), tuple(problems)) + found
