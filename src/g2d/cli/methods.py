"""`g2d methods`: what can be trained."""

from __future__ import annotations

import argparse

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError
from g2d.wording import meant


def configure(parser: argparse.ArgumentParser) -> None:
    """The arguments."""
    parser.add_argument("name", nargs="?", help="one method, with its page")


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Lists the methods, or shows one."""
    from g2d.recipes.catalog import METHODS

    if arguments.name is not None:
        _show(arguments.name)
        return
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
            for name, entry in METHODS.items()
        ],
        note=(
            "T: needs teachers. R: defined for regression. Fusions: own replaces the chosen fusion "
            "by its own; sums are late, sum and concat. Cost: time of a step / time of a step of "
            "joint training, with two modalities and cached teachers; two numbers are those of "
            "the method's two kinds of epochs. *: experimental, "
            "could not be verified against a source. NAME+smp trains one modality after the other "
            "by a method that takes the usual step: joint+smp, umt+smp. Each method has a page in "
            "docs/methods. blend adds the logits of g2d and its teachers, or of other members "
            "(docs/blend.md). A table of your own also takes auto (compares several), linear and "
            "boosting (scikit-learn's); see docs/own-data.md."
        ),
    )


def _show(name: str) -> None:
    """What a method is, how it is called in Python, and where its page is."""
    from g2d.recipes.catalog import METHODS

    if name not in METHODS:
        near = meant(name, METHODS)
        raise UserError(f"there is no method {name!r}; g2d methods lists them{near}")
    entry = METHODS[name]
    print(f"{name}: {entry.idea}")
    print(f"  page       docs/methods/{name}.md")
    options = "".join(f", {key}={value!r}" for key, value in entry.options.items())
    teachers = ", teachers" if entry.teachers and name != "ume" else ""
    given = "models" if name == "ume" else f"student, task{teachers}{options}"
    print(f"  in Python  {entry.path}({given})")
    print(f"  recipe     g2d train RECIPE --method {name}")


COMMAND = Command(
    name="methods",
    summary="List the methods: what each needs and what a step costs.",
    example="  g2d methods\n  g2d methods ogm_ge",
    configure=configure,
    run=run,
)
