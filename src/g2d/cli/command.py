"""What a command is."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from typing import Protocol


def add_trust_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--trust`, for commands that build a model from a run folder."""
    parser.add_argument(
        "--trust",
        action="store_true",
        help="import and run code outside g2d that a run folder names (docs/trust.md)",
    )


class Configure(Protocol):
    """Adds the command's arguments."""

    def __call__(self, parser: argparse.ArgumentParser) -> None:
        """Adds the arguments to the parser."""


class Run(Protocol):
    """Does the work; `changes` are the arguments that change the recipe."""

    def __call__(self, arguments: argparse.Namespace, changes: list[str]) -> None:
        """Runs the command."""


@dataclass(frozen=True)
class Command:
    """One command of the command line.

    Attributes:
        name: As it is typed.
        summary: One line for the list of commands.
        example: Shown by `--help`.
        configure: Adds its arguments.
        run: Does it.
        takes_changes: Whether `--key value` arguments may change a recipe.
    """

    name: str
    summary: str
    example: str
    configure: Configure
    run: Run
    takes_changes: bool = False
