"""What a grid needs to know of a dataset: modalities, subsets of them, rates of missing ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import combinations

from g2d.data.missing import check_rate
from g2d.errors import UserError
from g2d.recipes.build import build_splits
from g2d.recipes.components import split_spec
from g2d.recipes.dataset_catalog import DATASETS
from g2d.recipes.recipe import Recipe, digest, with_changes

Names = tuple[str, ...]
# By the data; opening a table takes a while, and a grid needs it for every cell.
_OPENED: dict[str, Names] = {}


def modalities_of(recipe: Recipe) -> Names:
    """The modalities of a recipe's data, in the declared order.

    They are read off the recipe where it has them; data that suggests encoders is opened. Data
    that cannot be opened has those of the recipe's encoders: its runs will report what is wrong.

    Example:
        >>> modalities_of(Recipe("urfunny", {"sound": "mlp", "words": "mlp"}))
        ('sound', 'words')
    """
    name, options = split_spec(recipe.data, "data")
    chosen = options.get("modalities")
    if isinstance(chosen, Mapping | list | tuple) and chosen:
        return tuple(chosen)
    if recipe.encoders and name in DATASETS and name != "table":
        return tuple(recipe.encoders)
    key = digest([recipe.data, recipe.encoders])
    if key not in _OPENED:
        _OPENED[key] = _opened(recipe)
    return _OPENED[key] or tuple(recipe.encoders)


def _opened(recipe: Recipe) -> Names:
    try:
        return build_splits(replace(recipe, missing=None)).spec.modalities
    except UserError:
        return ()


def subsets(names: Sequence[str]) -> list[Names]:
    """Every two or more modalities, the smaller sets first.

    Example:
        >>> subsets(("sound", "face", "words"))[1:]
        [('sound', 'words'), ('face', 'words'), ('sound', 'face', 'words')]
    """
    return [some for size in range(2, len(names) + 1) for some in combinations(names, size)]


def with_modalities(recipe: Recipe, names: Sequence[str]) -> Recipe:
    """The recipe with some of the modalities of its data; with all of them, as it is."""
    if tuple(names) == modalities_of(recipe):
        return recipe
    _, options = split_spec(recipe.data, "data")
    described = options.get("modalities")
    if not isinstance(described, Mapping):
        return with_changes(recipe, [("data.modalities", list(names))])
    data = {**recipe.as_dict()["data"], "modalities": {name: described[name] for name in names}}
    encoders = {name: e for name, e in recipe.encoders.items() if name in names}
    return replace(recipe, data=data, encoders=encoders)


def why_not(recipe: Recipe, names: Sequence[str]) -> str:
    """Why so much cannot be missing from data with these modalities; nothing where it can."""
    settings = recipe.missing or {}
    try:
        for key in ("rate", "train_rate", "test_rate"):
            if names and isinstance(settings.get(key), int | float):
                check_rate(settings[key], names)
    except UserError as error:
        return str(error)
    return ""
