"""A recipe is resolved once: every option is checked a single time before and while it trains."""

from __future__ import annotations

from collections import Counter

import pytest

from g2d import UserError
from g2d.recipes import blueprint, components, method_options
from g2d.recipes.experiment import resolve
from g2d.recipes.recipe import recipe_from
from g2d.runs.train import train
from toy import toy_recipe


@pytest.fixture
def checked(monkeypatch):
    """Counts the checks of options, by the key of the recipe, and lets them happen."""
    counts = Counter()
    check = components.check_options

    def counted(target, options, where, given=()):
        counts[where] += 1
        return check(target, options, where, given)

    monkeypatch.setattr(blueprint, "check_options", counted)
    monkeypatch.setattr(method_options, "check_options", counted)
    return counts


def test_a_run_checks_every_component_once(checked, tmp_path):
    recipe = recipe_from(toy_recipe() | {"method": "g2d", "training": {"epochs": 2}})
    train(recipe, tmp_path)
    components_of = {"data", "fusion", "method", "training", "teachers"}
    components_of |= {f"encoders.{name}" for name in ("near", "far")}
    assert checked == dict.fromkeys(components_of, 1)


def test_models_are_new_and_their_options_are_not_looked_at_again(checked):
    experiment = resolve(recipe_from(toy_recipe()))
    before = dict(checked)
    task = experiment.splits.spec.task
    one, other = experiment.models.student(task), experiment.models.student(task)
    assert one is not other
    assert list(one.state_dict()) == list(other.state_dict())
    assert checked == before


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"method": {"name": "g2d", "alhpa": 1}}, r"method.alhpa: no such option"),
        ({"fusion": "lat"}, r"fusion: there is no 'lat'"),
        ({"training": {"epochs": "two"}}, r"training.epochs: expected a whole number"),
        ({"teachers": {"epochs": "two"}}, r"teachers.epochs: expected a whole number"),
        ({"encoders": {"near": "nobody"}}, r"encoders: given for"),
    ],
)
def test_what_is_wrong_is_named_by_its_key(change, said):
    with pytest.raises(UserError, match=said):
        resolve(recipe_from(toy_recipe() | change))
