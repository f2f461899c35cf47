"""What a recipe may say of a blend, and what it is told otherwise."""

from __future__ import annotations

import re

import pytest

from g2d import UserError
from g2d.recipes.blending import check_members, member_recipe, members_of
from g2d.recipes.experiment import resolve
from g2d.recipes.recipe import Recipe, load_recipe

JOINT = {"method": "joint", "modalities": ["a", "b"], "weight": 0.5}


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({"members": []}, "expected a list of {method, modalities, weight}, got []; without it"),
        ({"members": None}, "got None; without it the members are g2d and ume"),
        ({"members": [JOINT, {"method": "g2d"}]}, "some have a weight and some have none; give"),
        ({"members": [JOINT], "folds": 2}, "method.folds: no such option; known: members"),
        ({"members": ["joint"]}, "method.members[0]: expected method, modalities and weight"),
        ({"members": [JOINT | {"seed": 1}]}, "expected method, modalities and weight, got"),
        ({"members": [JOINT, {"method": "auto"}]}, "method.members[1].method: auto cannot be"),
        ({"members": [JOINT | {"weight": -1}]}, "weight: expected 0 to 1e+06, got -1"),
        ({"members": [JOINT | {"weight": float("nan")}]}, "weight: expected 0 to 1e+06, got nan"),
        ({"members": [JOINT | {"weight": 10**400}]}, "weight: expected 0 to 1e+06, got 1000"),
        ({"members": [JOINT | {"weight": True}]}, "weight: expected a number, got True"),
        ({"members": [JOINT | {"modalities": "a"}]}, "expected a list of names, got 'a'"),
        ({"members": [JOINT | {"weight": 0}]}, "all weights are 0; give one a weight above 0"),
    ],
)
def test_wrong_members_end_in_one_line(options, line):
    with pytest.raises(UserError, match=re.escape(line)):
        members_of({"name": "blend", **options})


def test_members_are_of_the_data():
    members = members_of({"name": "blend", "members": [JOINT]})
    assert check_members(members, ("b", "a"))[0].modalities == ("b", "a")
    with pytest.raises(UserError, match=r"members\[0\].modalities: the data has no 'a'"):
        check_members(members, ("b",))
    with pytest.raises(UserError, match="no member has 'c'; give it to one, or leave it out"):
        check_members(members, ("a", "b", "c"))
    whole = members_of({"name": "blend", "members": [{"method": "joint"}]})
    assert check_members(whole, ("a", "b"))[0].modalities == ("a", "b")


def test_a_members_recipe_keeps_what_is_of_its_modalities():
    recipe = Recipe("data", {"a": "mlp", "b": "auto"}, fusion="concat", experts={"a": "linear"})
    one = member_recipe(recipe, "joint", ("a",))
    assert (one.encoders, one.fusion, one.experts) == ({"a": "mlp"}, "concat", {"a": "linear"})
    ensemble = member_recipe(recipe, {"name": "ume"}, ("a", "b"))
    assert (ensemble.fusion, ensemble.experts) == ("late", {})
    assert member_recipe(recipe, "linear", ("a", "b")).encoders == {}


def test_a_fusion_of_tokens_cannot_be_blended():
    changes = [
        ("method", {"name": "blend", "members": [{"method": "joint"}]}),
        ("fusion", {"name": "cross_attention", "tokens": "sequence"}),
    ]
    with pytest.raises(UserError, match="fusion: blend adds models that fuse features, not tokens"):
        resolve(load_recipe("avdigits", changes))
