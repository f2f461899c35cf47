"""`g2d diagnose`: is a modality suppressed? by how much? what helps?"""

from __future__ import annotations

import argparse
import json
import logging
import math
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.cli.command import Command
from g2d.cli.show import show_table
from g2d.errors import UserError

if TYPE_CHECKING:
    from g2d.recipes.recipe import Recipe

_RECIPES = (".yaml", ".yml")


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "data", metavar="DATA", help="a table (then --target is needed), or a recipe (.yaml)"
    )
    parser.add_argument("--target", help="the column of the table to predict")
    parser.add_argument(
        "--budget-minutes",
        type=float,
        default=10,
        metavar="MINUTES",
        help="time limit (default: 10)",
    )
    parser.add_argument(
        "--seeds", type=int, help="number of seeds (default: as time allows, up to 5)"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("diagnosis"), help="folder to write (default: diagnosis)"
    )
    parser.add_argument("--json", action="store_true", help="print only the result, as JSON")
    parser.usage = "%(prog)s DATA --target COLUMN [options] [--key.of.recipe VALUE ...]"


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Trains the models, judges the modalities and writes a page."""
    from g2d.table.diagnosis.diagnose import diagnose
    from g2d.table.diagnosis.files import write_diagnosis

    recipe, notes, file = _recipe(arguments, changes)
    if notes and not arguments.json:
        show_table("What the table holds", ["", "note"], [["", note] for note in notes])
        sys.stdout.flush()
    with _quiet(arguments.verbose or arguments.debug):
        found = diagnose(recipe, arguments.out, arguments.budget_minutes, arguments.seeds)
    step = found.next_step(shlex.quote(str(file)), partial(_again, arguments, changes))
    written = write_diagnosis(found, arguments.out, step, notes)
    if arguments.json:
        print(json.dumps(written, indent=2))
    else:
        _show(written, arguments.out)


@contextmanager
def _quiet(verbose: bool) -> Iterator[None]:
    """Without what single runs warn of: the diagnosis judges all of them together."""
    logger = logging.getLogger("g2d.runs")
    level = logger.level
    if not verbose:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


def _recipe(
    arguments: argparse.Namespace, changes: list[str]
) -> tuple[Recipe, list[str], Path | str]:
    """The recipe, notes on its data, and the file that holds it."""
    from g2d.recipes.recipe import load_recipe, parse_changes, shipped_recipes, with_changes
    from g2d.table.inspection.inspect import as_yaml

    dotted = parse_changes(changes)
    if Path(arguments.data).is_dir():
        kind = "run folder" if (Path(arguments.data) / "run.json").exists() else "folder"
        raise UserError(
            f"{arguments.data} is a {kind}; diagnose takes a table (g2d diagnose data.csv "
            "--target COLUMN) or a recipe (.yaml)"
        )
    if arguments.data.endswith(_RECIPES) or arguments.data in shipped_recipes():
        if arguments.target is not None:
            raise UserError("--target: the recipe names its target; leave it out")
        notes: list[str] = []
        recipe = load_recipe(arguments.data, dotted)
        if not changes:
            return recipe, notes, arguments.data
    else:
        from g2d.recipes.recipe import recipe_from
        from g2d.table.inspection.inspect import diagnosis_recipe

        if arguments.target is None:
            raise UserError("--target: give the column of the table to be predicted")
        content, notes = diagnosis_recipe(arguments.data, arguments.target)
        recipe = with_changes(recipe_from(content), dotted)
    file = arguments.out / "recipe.yaml"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(as_yaml(recipe.as_dict(), notes), encoding="utf-8")
    return recipe, notes, file


def _again(arguments: argparse.Namespace, changes: list[str], times: float) -> str:
    """The command as it was typed, but for the number of seeds and so many times the budget."""
    minutes = math.ceil(times * arguments.budget_minutes) if times > 1 else arguments.budget_minutes
    words = ["g2d", "diagnose", arguments.data]
    if arguments.target is not None:
        words += ["--target", arguments.target]
    if minutes != 10:
        words += ["--budget-minutes", f"{minutes:g}"]
    if arguments.out != Path("diagnosis"):
        words += ["--out", str(arguments.out)]
    return shlex.join([*words, *changes])


def _show(found: dict[str, Any], out: Path) -> None:
    from g2d.table.diagnosis.page import FUSED_COLUMNS, MODALITY_COLUMNS, fused_rows, modality_rows

    print(f"{found['headline'][:1].upper()}{found['headline'][1:]}\n")
    for sentence in found["words"]:
        print(sentence)
    print()
    # The terminal has room for the first columns; the page has all.
    rows = [row[:5] for row in modality_rows(found)]
    show_table("Skill, from guessing (0 %) to perfect (100 %)", MODALITY_COLUMNS[:5], rows)
    show_table("The fused prediction", FUSED_COLUMNS, fused_rows(found))
    for cut in found["plan"]["cut"]:
        print(f"  cut   {cut}")
    print(f"  page  {out / 'diagnosis.html'}")
    print(f"  next  {found['next']['command']}")
    print(f"        {found['next']['why']}")


COMMAND = Command(
    name="diagnose",
    summary="Find out whether a modality is suppressed, and whether a method helps.",
    example=(
        "  g2d diagnose data.csv --target price --budget-minutes 10\n"
        "  g2d diagnose recipe.yaml --out diagnosis"
    ),
    configure=configure,
    run=run,
    takes_changes=True,
)
