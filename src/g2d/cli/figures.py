"""Figures of a grid on the terminal."""

from __future__ import annotations

import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.cli.show import show_table

if TYPE_CHECKING:
    from g2d.compare.record import GridRecord


def show_figures(record: GridRecord, out: Path) -> None:
    """Draws the figure of every dataset; prints what it shows, or why there is none."""
    from g2d.compare.figures import draw_figures

    for figure in draw_figures(record, out):
        if figure.finding is None:
            print(f"{figure.title}: no figure: {figure.reason}\n", file=sys.stderr)
            continue
        show_table(figure.title, *figure.finding.table())
        print(textwrap.fill(figure.finding.sentence(), shutil.get_terminal_size().columns))
        print(f"\n  figure  {figure.drawing}\n")
