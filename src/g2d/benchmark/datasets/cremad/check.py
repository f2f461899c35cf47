"""Checks a clone of CREMA-D."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.cremad.decode import Decoder
from g2d.benchmark.datasets.cremad.layout import read_layout
from g2d.benchmark.datasets.cremad.names import CLIPS, EMOTIONS
from g2d.data.preparation import Counted, inspect
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report


def check(
    root: str | Path,
    train_list: str | Path | None = None,
    test_list: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Counted | None = None,
) -> Report:
    """Decodes every clip and reports what is wrong with files and lists.

    Args:
        root: A clone of CREMA-D.
        train_list: The `train.csv` of the published split.
        test_list: The `test.csv` of the published split.
        workers: Processes; one for each core when not given, 0 for this one.
        progress: Called with the number of clips done and of all clips.
    """
    layout = read_layout(root, train_list, test_list)
    actors = {sample.columns["actor"] for sample in layout.samples}
    facts = (
        f"{len(layout.samples)} of the {CLIPS} clips of the full release, {len(actors)} actors",
        f"split: {layout.split}",
    )
    found = inspect(
        layout.samples,
        Decoder(),
        lambda sample: sample.columns["part"],
        EMOTIONS,
        workers=workers,
        progress=progress,
    )
    return Report(facts, (*some(layout.faults), *some(layout.strays))) + found
