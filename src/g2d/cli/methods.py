"""`g2d methods`: what can be trained."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError
from g2d.wording import did_you_mean

if TYPE_CHECKING:
    from g2d.recipes.catalog import MethodEntry


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("name", metavar="NAME", nargs="?", help="show this method alone")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Prints all methods, or the options of one."""
    from g2d.recipes.catalog import METHODS

    shown = METHODS
    if arguments.name is not None:
        if arguments.name not in METHODS:
            known = {name: name for name in METHODS}
            raise UserError(
                f"there is no method {arguments.name!r}; g2d methods lists them"
                f"{did_you_mean(arguments.name, known)}"
            )
        shown = {arguments.name: METHODS[arguments.name]}

    show_table(
        "Methods",
        ["name", "acts on", "T", "R", "fusions", "cost", "idea"],
        [
            [
                name + ("*" if entry.experimental else ""),
                entry.family,
                "T" if entry.teachers else "",
                "R" if entry.regression else "",
                "sums" if "," in entry.fusions else entry.fusions,
                entry.cost,
                entry.idea,
            ]
            for name, entry in shown.items()
        ],
        note=(
            "T: needs teachers. R: defined for regression. Fusions: own replaces the chosen fusion "
            "by its own; sums are late, sum and concat. Cost: time of a training step / that of "
            "joint training, for two modalities and cached teachers; where there are two numbers, "
            "a method has two kinds of epochs, such as those in which it modulates and those "
            "after. *: experimental, "
            "could not be verified against a source. NAME+smp trains one modality after the other "
            "by a method that takes the usual step: joint+smp, umt+smp. Each method has a page in "
            "docs/methods. blend adds the logits of g2d and its teachers, or of other members "
            "(docs/blend.md). A table of your own also takes auto (compares several), linear and "
            "boosting (scikit-learn's); see docs/own-data.md."
        ),
    )
    if arguments.name is not None:
        _show_more(arguments.name, METHODS[arguments.name])


def _show_more(name: str, entry: MethodEntry) -> None:
    """How a method is called in Python, and where its page is."""
    options = "".join(f", {key}={value!r}" for key, value in entry.options.items())
    teachers = ", teachers" if entry.teachers else ""
    given = "models" if name == "ume" else f"student, task{teachers}{options}"
    print(f"  in Python  {entry.path}({given})")
    print(f"  page       docs/methods/{name}.md")


COMMAND = Command(
    name="methods",
    summary="List the methods: what each needs and what a step costs.",
    example="  g2d methods\n  g2d methods g2d",
    configure=configure,
    run=run,
)
