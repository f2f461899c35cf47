"""Recipes and runs of before find what has moved, and are not other recipes for it."""

from __future__ import annotations

import importlib

import pytest

from g2d.recipes import moved
from g2d.recipes.recipe import recipe_from
from g2d.runs.run import Run
from g2d.runs.train import train
from toy import toy_recipe


@pytest.fixture
def before(monkeypatch):
    """The toy data, as if it had lain elsewhere."""
    monkeypatch.setitem(moved.MOVED, "old.place", "toy")
    moved._current_path.cache_clear()
    yield {**toy_recipe(), "method": "joint", "data": {"name": "old.place.ToyData"}}
    moved._current_path.cache_clear()


def test_a_recipe_of_before_is_the_recipe_of_today(before, caplog):
    assert recipe_from(before) == recipe_from({**before, "data": {"name": "toy.ToyData"}})
    recipe_from(before)
    assert caplog.text.count("old.place.ToyData is now toy.ToyData") == 1


def test_what_is_listed_as_moved_is_where_the_list_says():
    for path in ("g2d.data.datasets.avdigits.AVDigits", "g2d.data.manifest.dataset.TableData"):
        module, _, name = moved.current(path).rpartition(".")
        assert hasattr(importlib.import_module(module), name)


def test_a_run_of_before_is_resumed_by_the_recipe_of_today(before, tmp_path):
    run = train(recipe_from(before), tmp_path)
    about = Run(run).about
    about["recipe"]["data"] = before["data"]  # as it was written then
    Run(run).write_json("run.json", about)
    now = recipe_from({**before, "data": {"name": "toy.ToyData"}})
    assert train(now, tmp_path, resume=True) == run
