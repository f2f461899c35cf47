"""`g2d grids`: list, show and copy the grids that come with g2d."""

from __future__ import annotations

import argparse

from g2d.cli.command import Command
from g2d.cli.shipped import add_shipped_arguments, show_shipped


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    add_shipped_arguments(parser, "grid")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Lists the grids, prints one or copies one."""
    from g2d.benchmark.compare.reading import grid_text, shipped_grids

    show_shipped(arguments, shipped_grids(), grid_text, "run it with: g2d compare")


COMMAND = Command(
    name="grids",
    summary="List the shipped grids of runs, show one, or copy one to edit.",
    example="  g2d grids ls\n  g2d grids cp table4 my-grid.yaml",
    configure=configure,
    run=run,
)
