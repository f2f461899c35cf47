"""`g2d train`: teachers, student, evaluation, figure."""

from __future__ import annotations

import argparse
import json
import shlex
from pathlib import Path
from typing import Any

from g2d.cli.command import Command
from g2d.cli.leaderboard import show_leaderboard
from g2d.cli.show_run import show_run
from g2d.errors import UserError


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    add_recipe_arguments(
        parser,
        "a table of your own (then --target is needed), a recipe (.yaml), or the name of a shipped "
        "recipe (`g2d recipes ls`)",
    )
    parser.add_argument("--target", help="the column of the table to predict")
    parser.add_argument(
        "--method",
        help="a name from `g2d methods`, a dotted path, or auto (default for a table): compares "
        "several and keeps one",
    )
    parser.add_argument(
        "--budget-minutes",
        type=float,
        metavar="MINUTES",
        help="limit on process time, with --method auto (default: none)",
    )
    parser.add_argument(
        "--fusion",
        help="late, sum, concat, film, bigated, cross_attention, or a dotted path",
    )
    parser.add_argument(
        "--resume", action="store_true", help="continue an unfinished run, or show a finished one"
    )
    parser.add_argument("--name", help="name of the run folder")


def add_recipe_arguments(
    parser: argparse.ArgumentParser,
    recipe: str = "a recipe (.yaml), or the name of a shipped recipe (`g2d recipes ls`)",
) -> None:
    """Arguments of every command that takes a recipe; `recipe` is the help on it."""
    parser.add_argument("recipe", help=recipe)
    parser.add_argument("--seed", type=int, help="seed of initial weights and order of samples")
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder for run folders (default: runs)"
    )
    parser.usage = "%(prog)s RECIPE [options] [--key.of.recipe VALUE ...]"


def recipe_changes(arguments: argparse.Namespace, changes: list[str]) -> list[tuple[str, Any]]:
    """The changes of the recipe that the command line makes; named flags first."""
    from g2d.recipes.recipe import parse_changes

    named = [
        (key, getattr(arguments, key))
        for key in ("method", "fusion", "seed")
        if getattr(arguments, key, None) is not None
    ]
    return [*named, *parse_changes(changes)]


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Trains and shows what came of it."""
    from g2d.analysis.learning_curves import learning_curves
    from g2d.cli.own_table import recipe_file
    from g2d.ranks import first_process
    from g2d.recipes.planning import check_method
    from g2d.recipes.recipe import load_recipe, with_changes
    from g2d.runs.train import train
    from g2d.table.auto.auto import is_auto, train_auto

    if arguments.method is not None:
        check_method(arguments.method)
    arguments.recipe = recipe_file(arguments.recipe, arguments.target, arguments.out)
    recipe = load_recipe(arguments.recipe, recipe_changes(arguments, changes))
    auto = is_auto(recipe)
    if arguments.budget_minutes is not None:
        if not auto:
            raise UserError("--budget-minutes: one method takes as long as it takes; leave it out")
        recipe = with_changes(recipe, [("method.budget_minutes", arguments.budget_minutes)])
    if auto:
        folder = train_auto(
            recipe, arguments.out, resume=arguments.resume, name=arguments.name, began=0.0
        )
    else:
        folder = train(recipe, arguments.out, resume=arguments.resume, name=arguments.name)
    if not first_process():
        return
    figure = folder / "learning_curves.png"
    curves = learning_curves([folder], arguments.out)
    if curves.curves:
        curves.plot(figure)
    if auto:
        show_leaderboard(folder)
    ensemble = None if auto else _command(arguments, changes, folder, "ume")
    together = None if auto else _command(arguments, changes, folder, "blend")
    show_run(folder, arguments.out, ensemble, together)


def _command(arguments: argparse.Namespace, changes: list[str], folder: Path, method: str) -> str:
    """The command that makes the fitted ensemble of a run's teachers, or adds them to its student.

    Args:
        arguments: Of the run.
        changes: Of its recipe, as they were typed.
        folder: Of the run.
        method: `ume`, or `blend`.
    """
    from g2d.recipes.blending import members_with_teachers
    from g2d.recipes.recipe import parse_changes
    from g2d.runs.run import Run

    words = ["g2d", "train", arguments.recipe]
    for key, value in parse_changes(changes):
        if key.partition(".")[0] not in {"method", "fusion"}:
            words += [f"--{key}", value if isinstance(value, str) else json.dumps(value)]
    if arguments.seed is not None:
        words += ["--seed", str(arguments.seed)]
    words += ["--out", str(arguments.out), "--method", method]
    if method == "ume":
        words += ["--fusion", "late", "--method.weights", "fitted"]
        return shlex.join([*words, "--name", f"{folder.name}-ensemble"])
    if arguments.fusion is not None:
        words += ["--fusion", arguments.fusion]
    members = members_with_teachers(Run(folder).about["recipe"]["method"])
    if members is not None:
        words += ["--method.members", json.dumps(members)]
    return shlex.join([*words, "--name", f"{folder.name}-blend"])


COMMAND = Command(
    name="train",
    summary="Train on a table or a recipe, and measure the model on the test split.",
    example=(
        "  g2d train data.csv --target price --out runs\n"
        "  g2d train avdigits --method g2d --seed 0 --out runs\n"
        "  g2d train avmnist --data.root DIR --method umt+smp --training.epochs 30"
    ),
    configure=configure,
    run=run,
    takes_changes=True,
)
