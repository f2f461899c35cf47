"""`g2d methods`: what can be trained."""

from __future__ import annotations

import argparse

from g2d.cli.command import Command
from g2d.cli.show import show_table


def configure(parser: argparse.ArgumentParser) -> None:
    """No arguments."""


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Lists the methods."""
    from g2d.recipes.catalog import METHODS

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
            "joint training, measured with two encoders and cached teachers. *: experimental, "
            "could not be verified against a source. NAME+smp trains one modality after the other "
            "by a method that takes the usual step: joint+smp, umt+smp. Each method has a page in "
            "docs/methods. blend adds the logits of g2d and its teachers, or of other members "
            "(docs/blend.md). A table of your own also takes auto (compares several), linear and "
            "boosting (scikit-learn's); see docs/own-data.md."
        ),
    )


COMMAND = Command(
    name="methods",
    summary="List the methods: what each needs and what a step costs.",
    example="  g2d methods",
    configure=configure,
    run=run,
)
