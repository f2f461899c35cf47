"""Trust: without `--trust` a run folder may name parts of g2d alone, and no other code."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from g2d.errors import UserError
from g2d.files import read_json
from g2d.recipes.blending import members_of
from g2d.recipes.catalog import ENCODERS, FUSIONS, METHODS
from g2d.recipes.components import split_spec
from g2d.recipes.dataset_catalog import DATASETS
from g2d.recipes.recipe import Recipe, recipe_from

# Whether code outside g2d may run, or the dotted paths of it that may: those that the user has
# named in recipes of this very command.
Trust = bool | Collection[str]

_DATASETS = {name: entry.path for name, entry in DATASETS.items()}
_METHODS = {name: entry.path for name, entry in METHODS.items()}


def recipe_of(folder: Path, trust: Trust = False) -> Recipe:
    """The recipe of a run folder, read before anything that it names is imported.

    Args:
        folder: Of a run or of a teacher.
        trust: Whether code outside g2d may be run, or the dotted paths of it that may.

    Raises:
        UserError: The folder names code outside g2d that is not trusted.
    """
    recipe = recipe_from(read_json(folder / "run.json")["recipe"])
    check_recipe(folder, recipe, trust)
    return recipe


def check_recipe(folder: Path, recipe: Recipe, trust: Trust = False) -> None:
    """Refuses what a recipe in a run folder names, before it is imported.

    Raises:
        UserError: It names code outside g2d that is not trusted.
    """
    _check(folder, _outside(recipe), trust)


def check_brought(folder: Path, brought: Iterable[Mapping[str, Any]], trust: Trust = False) -> None:
    """Refuses fusions of `model.json` that are not part of g2d, before they are imported.

    Args:
        folder: Of a run.
        brought: The fusions that a method had put into its model.
        trust: See `recipe_of`.

    Raises:
        UserError: One of them is code outside g2d that is not trusted.
    """
    names = [str(spec["name"]) for spec in brought]
    outside = [("model.json: brought", name) for name in names if not name.startswith("g2d.")]
    _check(folder, outside, trust)


def _check(folder: Path, outside: Iterable[tuple[str, str]], trust: Trust) -> None:
    if trust is True:
        return
    allowed = trust or ()
    found = [f"{where}: {path!r}" for where, path in outside if path not in allowed]
    if found:
        raise UserError(
            f"{folder} names code that is not part of g2d and would be imported and run "
            f"({', '.join(found)}); if it is yours, or you trust whoever sent it, add --trust "
            "(in Python: trust=True)"
        )


def named_by(recipes: Iterable[Recipe]) -> frozenset[str]:
    """The dotted paths outside g2d that the user's own recipes name.

    Example:
        >>> sorted(named_by([Recipe("avdigits", {"image": "my.Net"}, method="joint+smp")]))
        ['my.Net']
    """
    return frozenset(path for recipe in recipes for _, path in _outside(recipe))


def _outside(recipe: Recipe) -> Iterator[tuple[str, str]]:
    """Every key of a recipe that names code outside g2d, and its dotted path."""
    named: list[tuple[str, Any, dict[str, str]]] = [
        ("data", recipe.data, _DATASETS),
        *((f"encoders.{name}", spec, ENCODERS) for name, spec in recipe.encoders.items()),
        ("fusion", recipe.fusion, FUSIONS),
        ("method", recipe.method, _METHODS),
        *(("method.members", member.method, _METHODS) for member in members_of(recipe.method)),
    ]
    for where, spec, known in named:
        name, _ = split_spec(spec, where)
        if where.startswith("method"):
            name = name.partition("+")[0]
        path = known.get(name, name)
        if "." in path and not path.startswith("g2d."):
            yield where, path
