"""Recipes by difference: what most runs share is written once, the rest where it differs."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from g2d.benchmark.compare.places import without_places
from g2d.recipes.recipe import flat as recipe_flat

Flat = dict[str, str]

NOT_SET = "not set"


def flat(content: Mapping[str, Any]) -> Flat:
    """Dotted keys and their values as text.

    Where files lie on a machine is no part of what a run is: of an absolute path only the last part
    is kept.

    Example:
        >>> flat({"method": {"name": "g2d", "alpha": 1.0}, "data": {"root": "/home/me/mnist"}})
        {'method': 'g2d', 'method.alpha': '1.0', 'data.root': '…/mnist'}
    """
    return {
        key: without_places(value if isinstance(value, str) else json.dumps(value))
        for key, value in recipe_flat(content).items()
    }


def shared(all_of_them: Sequence[Flat]) -> Flat:
    """The value of every key that most recipes have.

    Example:
        >>> shared([{"a": "1", "b": "2"}, {"a": "1"}, {"a": "3"}])
        {'a': '1'}
    """
    keys = dict.fromkeys(key for one in all_of_them for key in one)
    found: Flat = {}
    for key in keys:
        value, count = Counter(one.get(key) for one in all_of_them).most_common(1)[0]
        if value is not None and 2 * count > len(all_of_them):
            found[key] = value
    return found


def differing(one: Flat, base: Flat) -> Flat:
    """How a recipe differs from the base: other values, and keys that are not set.

    Example:
        >>> differing({"a": "1", "c": "4"}, {"a": "1", "b": "2"})
        {'c': '4', 'b': 'not set'}
    """
    changed = {key: value for key, value in one.items() if base.get(key) != value}
    return {**changed, **{key: NOT_SET for key in base if key not in one}}
