"""`g2d teach`: the unimodal teachers only."""

from __future__ import annotations

import argparse

from g2d.cli.command import Command
from g2d.cli.show import show_teachers
from g2d.cli.train import add_recipe_arguments, recipe_changes


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Trains whichever teachers are not there yet."""
    from g2d.ranks import first_process
    from g2d.recipes.experiment import resolve_teaching
    from g2d.recipes.recipe import load_recipe
    from g2d.recipes.settings import training_settings
    from g2d.runs.places import teacher_folder
    from g2d.runs.teach import teach

    recipe = load_recipe(arguments.recipe, recipe_changes(arguments, changes))
    training_settings(recipe)
    teaching = resolve_teaching(recipe)
    teaching.check()
    teach(teaching, arguments.out, teaching.settings.make_fabric())
    if not first_process():
        return
    show_teachers(
        [teacher_folder(teaching, name, arguments.out) for name in teaching.models.encoders]
    )


COMMAND = Command(
    name="teach",
    summary="Train only the teachers of a recipe, one for each modality.",
    example="  g2d teach avdigits --seed 0 --out runs",
    configure=add_recipe_arguments,
    run=run,
    takes_changes=True,
)
