"""From a recorded grid and its run folders to a table."""

from __future__ import annotations

from pathlib import Path

from g2d.compare.record import GridRecord
from g2d.compare.table import Table


def read_table(record: GridRecord, out: Path) -> Table:
    """The table of a grid, as far as its runs are finished.

    Args:
        record: The grid as it was run.
        out: Folder of its runs.
    """
    raise NotImplementedError
