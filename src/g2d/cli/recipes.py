"""`g2d recipes`: list, show and copy the recipes that come with g2d."""

from __future__ import annotations

import argparse

from g2d.cli.command import Command
from g2d.cli.shipped import add_shipped_arguments, show_shipped


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    add_shipped_arguments(parser, "recipe")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Lists the recipes, prints one or copies one."""
    from g2d.recipes.recipe import recipe_text, shipped_recipes

    show_shipped(arguments, shipped_recipes(), recipe_text, "train it with: g2d train")


COMMAND = Command(
    name="recipes",
    summary="List the shipped recipes, show one, or copy one to edit.",
    example="  g2d recipes ls\n  g2d recipes cp avdigits my.yaml",
    configure=configure,
    run=run,
)
