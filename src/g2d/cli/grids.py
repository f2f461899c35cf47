"""`g2d grids`: list, show and copy the grids that come with g2d."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from pathlib import Path

from g2d.cli.command import Command
from g2d.errors import UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("action", choices=("ls", "show", "cp"))
    parser.add_argument("grid", nargs="?", help="which grid, for show and cp")
    parser.add_argument("to", nargs="?", type=Path, help="where to, for cp")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Lists, shows or copies."""
    from g2d.compare.reading import grid_text, shipped_grids

    if arguments.action == "ls":
        for name in shipped_grids():
            first = grid_text(name).splitlines()[0].lstrip("# ")
            width = shutil.get_terminal_size().columns
            print(textwrap.fill(f"{name:12} {first}", width, subsequent_indent=" " * 13))
        return
    if arguments.grid is None:
        raise UserError(f"{arguments.action} what? one of: {', '.join(shipped_grids())}")
    text = grid_text(arguments.grid)
    if arguments.action == "show":
        print(text, end="")
        return
    to = arguments.to or Path(f"{Path(arguments.grid).stem}.yaml")
    if to.exists():
        raise UserError(f"{to} exists; name another file")
    to.write_text(text, encoding="utf-8")
    print(f"copied to {to}; run it with: g2d compare {to}")


COMMAND = Command(
    name="grids",
    summary="List the shipped grids of runs, show one, or copy one to edit.",
    example="  g2d grids ls\n  g2d grids cp table4 my-grid.yaml",
    configure=configure,
    run=run,
)
