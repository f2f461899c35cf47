"""What preventing suppression is worth, and who wins: a rule over intervals, in words."""

from __future__ import annotations

import math

import pytest

from g2d.analysis.intervals import Interval
from g2d.recipes.recipe import recipe_from
from g2d.table.diagnosis.rivals import METHODS, Rival, possible, recipe_for, winner, worth
from runs.made import MadeData, made_recipe

SCORE = Interval(0.8, 0.02, 0.02)


def rival(key, mean, half=0.01):
    return Rival(key, SCORE, Interval(mean, half, 0.0))


def test_a_suppressed_modality_may_cost_the_fused_prediction_nothing():
    said = worth([rival("g2d", 0.001, 0.005), rival("amco", -0.002, 0.005)], ["b"], "accuracy")
    assert said == (
        "Over joint training, in points of accuracy on the test rows: G²D +0.1, AMCo -0.2. "
        "Preventing it is worth nothing here: the fused prediction loses nothing."
    )


def test_the_largest_sure_gain_wins():
    rivals = [rival("g2d", 0.03), rival("ensemble", 0.04), rival("amco", 0.09, 0.2)]
    assert winner(rivals) == rivals[1]
    assert worth(rivals, ["b"], "accuracy").endswith("The fitted ensemble wins.")


def test_one_seed_shows_no_winner():
    one = Rival("g2d", SCORE, Interval(0.3, 0.01, math.inf))
    assert winner([one]) is None
    assert worth([one], ["b"], "R²").endswith("None of them is surely better.")


@pytest.mark.parametrize("regression", [False, True])
def test_methods_that_are_not_defined_for_the_task_are_not_trained(regression):
    splits = MadeData("balanced", train=40, held=20, regression=regression).splits()
    recipe = recipe_from(made_recipe("balanced", train=40, held=20))
    expected = ["g2d", "ensemble"] if regression else list(METHODS)
    assert possible(recipe, splits) == expected
    assert recipe_for("ensemble", recipe).fusion == "late"
