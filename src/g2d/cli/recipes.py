"""`g2d recipes`: list, show and copy the recipes that come with g2d."""

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
    parser.add_argument("recipe", nargs="?", help="which recipe, for show and cp")
    parser.add_argument("to", nargs="?", type=Path, help="where to, for cp")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Lists, shows or copies."""
    from g2d.experiment.recipe import recipe_text, shipped_recipes

    if arguments.action == "ls":
        for name in shipped_recipes():
            first = recipe_text(name).splitlines()[0].lstrip("# ")
            width = shutil.get_terminal_size().columns
            print(textwrap.fill(f"{name:12} {first}", width, subsequent_indent=" " * 13))
        return
    if arguments.recipe is None:
        raise UserError(f"{arguments.action} what? one of: {', '.join(shipped_recipes())}")
    text = recipe_text(arguments.recipe)
    if arguments.action == "show":
        print(text, end="")
        return
    to = arguments.to or Path(f"{Path(arguments.recipe).stem}.yaml")
    if to.exists():
        raise UserError(f"{to} exists; name another file")
    to.write_text(text)
    print(f"copied to {to}; train it with: g2d train {to}")


COMMAND = Command(
    name="recipes",
    summary="List the shipped recipes, show one, or copy one to edit.",
    example="  g2d recipes ls\n  g2d recipes cp avdigits my.yaml",
    configure=configure,
    run=run,
)
