"""Checks the files of UR-FUNNY."""

from __future__ import annotations

from pathlib import Path

from g2d.benchmark.datasets.urfunny.prepare import read_source
from g2d.benchmark.datasets.urfunny.source import CLASSES
from g2d.benchmark.datasets.words.check import look_through
from g2d.data.preparation import Counted
from g2d.data.preparation.report import Report

# Version 2: all segments, and those with cleaned text, which later work uses.
_FOLDS = {
    "version 2": {"train": 8074, "val": 1034, "test": 1058},
    "version 2, cleaned": {"train": 7614, "val": 980, "test": 994},
}


def check(
    root: str | Path,
    *,
    context: bool = False,
    progress: Counted | None = None,
) -> Report:
    """Reads everything and reports what is there and what is wrong.

    Args:
        root: Folder of the distributed pickles.
        context: Look at the sentences before the punchline as well.
        progress: Called with the number of punchlines done and of all.

    Raises:
        UserError: A file cannot be read at all.
    """
    source = read_source(root, context)
    return look_through(source, CLASSES, _FOLDS, "punchlines", progress=progress)
