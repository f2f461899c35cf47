"""Figures of a grid on the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.cli.show import show_table
from g2d.cli.tables import check_finished
from g2d.errors import PartlyDoneError

if TYPE_CHECKING:
    from g2d.benchmark.compare.record import GridRecord
    from g2d.runs.trust import Trust


def show_figures(record: GridRecord, out: Path, trust: Trust = False) -> None:
    """Draws the figure of every dataset; prints what it shows.

    Args:
        record: Of a grid with a figure.
        out: Folder of its runs.
        trust: See `draw_figures`.

    Raises:
        PartlyDoneError: Some could not be drawn, or runs have failed; the others are drawn all
            the same.
    """
    from g2d.benchmark.compare.figures import draw_figures

    missing = 0
    for figure in draw_figures(record, out, trust):
        if figure.finding is None:
            print(f"{figure.title}: no figure: {figure.reason}\n", file=sys.stderr)
            missing += 1
            continue
        show_table(figure.title, *figure.finding.table())
        print(textwrap.fill(figure.finding.sentence(), shutil.get_terminal_size().columns))
        print(f"\n  figure  {figure.drawing}\n")
    if missing:
        raise PartlyDoneError(f"{missing} figures could not be drawn, for the reasons above")
    check_finished(record, out)
