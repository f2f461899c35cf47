"""Every shipped recipe trains on a miniature of its dataset, by every method that its task allows.

With the recipe's own encoders by joint training; with small ones of the same kinds by all methods.
"""

from __future__ import annotations

import math
from pathlib import Path

import pytest

from benchmark.datasets.conftest import originals  # noqa: F401 (a fixture)
from g2d.errors import UserError
from g2d.recipes.build import build_splits
from g2d.recipes.catalog import METHODS
from g2d.recipes.dataset_catalog import DATASETS
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import load_recipe, shipped_recipes
from g2d.runs.run import Run
from g2d.runs.train import train
from recipes.stores import MINIATURES

# AV-Digits is made on the spot: it is its own miniature, and `g2d demo` trains it in the tests.
RECIPES = sorted(set(shipped_recipes()) - {"avdigits"})


@pytest.fixture(scope="session")
def stores(originals, tmp_path_factory):  # noqa: F811
    """The stores made so far, by recipe, and a folder of runs that share teachers."""
    made: dict[str, Path] = {}
    place = tmp_path_factory.mktemp("stores")
    sources = tmp_path_factory.mktemp("sources")
    for name in ("mnist", "fsdd"):
        (sources / name).symlink_to(originals / name)

    def store(name: str) -> Path:
        if name not in made:
            made[name] = MINIATURES[name].make(sources, place / name)
        return made[name]

    return store


def run(name: str, method: str, root: Path, out: Path, changes: dict) -> dict:
    recipe = load_recipe(
        name,
        [
            ("method", method),
            ("data.root", str(root)),
            ("training.epochs", 2),
            *MINIATURES[name].needs.items(),
            *changes.items(),
        ],
    )
    return Run(train(recipe, out, name=method)).result


def test_every_dataset_that_is_prepared_has_a_recipe_and_a_miniature():
    assert set(RECIPES) == set(MINIATURES)
    assert {name for name, entry in DATASETS.items() if entry.prepare} <= set(RECIPES)


@pytest.mark.parametrize("name", RECIPES)
def test_every_recipe_trains_with_small_encoders(name, stores, tmp_path):
    result = run(name, "g2d", stores(name), tmp_path, MINIATURES[name].small)
    metric = "rmse" if "rmse" in result["test"] else "accuracy"
    assert all(math.isfinite(value) for value in result["test"][metric].values())
    assert set(result["test"][metric]) == {"fused", *load_recipe(name).encoders}


@pytest.mark.conformance
@pytest.mark.parametrize("name", RECIPES)
def test_the_recipe_as_it_is_begins_and_ends(name, stores, tmp_path):
    """Its own encoders; one epoch in the place of hundreds."""
    result = run(name, "joint", stores(name), tmp_path, {"training.epochs": 1})
    metric = "rmse" if "rmse" in result["test"] else "accuracy"
    assert all(math.isfinite(value) for value in result["test"][metric].values())


@pytest.fixture(scope="session")
def runs(tmp_path_factory):
    return tmp_path_factory.mktemp("runs")


@pytest.mark.conformance
@pytest.mark.parametrize("method", [*METHODS, "joint+smp", "umt+smp"])
@pytest.mark.parametrize("name", RECIPES)
def test_by_every_method(name, method, stores, runs):
    small = MINIATURES[name].small
    small = {**MINIATURES[name].needs, **small}
    changes = [("data.root", str(stores(name))), ("method", method), *small.items()]
    recipe = load_recipe(name, changes)
    splits = build_splits(recipe)
    if name == "misme" and not METHODS[method.partition("+")[0]].regression:
        with pytest.raises(UserError):
            plan_method(recipe, splits.spec.modalities).check_task(splits.spec.task)
        return
    result = run(name, method, stores(name), runs / name, small)
    metric = splits.spec.task.metric
    assert math.isfinite(result["test"][metric]["fused"])
