"""What a recipe names is found, its options are checked, and a mistake is named by its key."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch

from g2d import G2D, Classification, UserError
from g2d.engine import TrainingSettings
from g2d.recipes.blueprint import build
from g2d.recipes.catalog import ENCODERS, FUSIONS, METHODS
from g2d.recipes.components import check_options, locate, split_spec
from g2d.recipes.dataset_catalog import DATASETS
from toy import Picky, ToyData
from toy_parts import student

TASK = {"student": student(), "task": Classification(3)}


@pytest.mark.parametrize(
    "path",
    [
        *ENCODERS.values(),
        *FUSIONS.values(),
        *(entry.path for entry in DATASETS.values()),
        *(m.path for m in METHODS.values()),
    ],
)
def test_everything_in_the_catalog_is_there(path):
    assert locate(path, {}, "test").__name__ == path.rpartition(".")[2]


def test_a_dotted_path_of_the_users_own():
    assert locate("toy.ToyData", {}, "data") is ToyData


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("lat", "fusion: there is no 'lat'; known: bigated, concat, cross_attention, film, late"),
        ("toys.Box", "fusion: there is no module 'toys'; if it is your own, name its folder: PYTH"),
        ("toy.Box", "fusion: toy has no 'Box'"),
        ("toy.ToyData.inner", "fusion: there is no module 'toy.ToyData'"),
    ],
)
def test_a_name_that_leads_nowhere(name, line):
    with pytest.raises(UserError) as caught:
        locate(name, FUSIONS, "fusion")
    assert line in str(caught.value)


def test_a_module_that_lacks_a_package_of_its_own_says_which(tmp_path, monkeypatch):
    (tmp_path / "needy.py").write_text("import no_such_package\n")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UserError, match=r"needy\.Box needs no_such_package, which is not inst"):
        locate("needy.Box", {}, "fusion")


@pytest.mark.parametrize(
    ("options", "line"),
    [
        (
            {"epoch": 3},
            "training.epoch: no such option; known: epochs, patience, batch_size, accumulate",
        ),
        ({"epochs": "three"}, "training.epochs: expected a whole number, got 'three'"),
        ({"epochs": 3.5}, "training.epochs: expected a whole number, got 3.5"),
        ({"epochs": True}, "training.epochs: expected a whole number, got true"),
        ({"epochs": None}, "training.epochs: expected a whole number, got null"),
        ({"epochs": 0}, "training: epochs must be 1 or more, got 0"),
        ({"batch_size": -4}, "training: batch_size must be 1 or more, got -4"),
        ({"optimizer": "adam"}, "training.optimizer: expected sgd or adamw, got 'adam'"),
        ({"clip_norm": "big"}, "training.clip_norm: expected a number or null, got 'big'"),
        ({"clip_norm": 0}, "training: clip_norm must be above 0, got 0"),
        ({"lr_steps": 0.5}, "training.lr_steps: expected a list (each a number), got 0.5"),
        ({"lr_steps": [1.5]}, "training: lr_steps are shares of the epochs between 0 and 1"),
        ({"learning_rate": float("nan")}, "training: learning_rate must be above 0, got nan"),
        ({"momentum": 1}, "training: momentum must be 0 or more and below 1, got 1.0"),
        ({"workers": -1}, "training: workers must be 0 or more, got -1"),
        ({"probe_gradients": 1}, "training.probe_gradients: expected true or false, got 1"),
        (
            {"loggers": "wandb"},
            "training.loggers: expected a list (each tensorboard or wandb or mlflow), got 'wandb'",
        ),
        ({"loggers": ["comet"]}, "training.loggers: expected a list (each tensorboard or wandb"),
    ],
)
def test_settings_that_are_wrong(options, line):
    with pytest.raises(UserError) as caught:
        build(TrainingSettings, options, "training")
    assert line in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "line"),
    [
        ({}, "method.strength: this must be given"),
        ({"strength": "x"}, "method.strength: expected a number, got 'x'"),
        ({"strength": 1, "mode": "firm"}, "method.mode: expected soft or hard, got 'firm'"),
        ({"strength": 1, "layers": ["a"]}, "method.layers: expected a list (each a whole number)"),
        ({"strength": 1, "task": 3}, "method.task: no such option; known: strength, mode"),
        ({"strength": None}, "method.strength: expected a number, got null"),
    ],
)
def test_options_of_a_users_own_class_that_are_wrong(options, line):
    with pytest.raises(UserError) as caught:
        check_options(Picky, options, "method", TASK)
    assert line in str(caught.value)


def test_zero_false_and_null_are_values():
    found = build(Picky, {"strength": 0, "flag": False, "limit": None}, "method", **TASK)
    assert found.options == (0, "soft", (), False, None)


def test_a_choice_that_yaml_reads_as_a_number():
    assert build(TrainingSettings, {"precision": 32}, "training").precision == "32"


def test_checked_options_are_the_defaults_with_the_given_ones_on_top():
    expected = dataclasses.asdict(TrainingSettings())
    found = check_options(TrainingSettings, {"epochs": 3}, "training")
    assert {**found, "lr_steps": tuple(found["lr_steps"])} == {**expected, "epochs": 3}


def test_what_is_given_is_never_an_option():
    given = dict.fromkeys(("student", "task", "teachers", "schedule", "confidence"))
    assert set(check_options(G2D, {}, "method", given)) == {
        "alpha",
        "beta",
        "gamma",
        "temperature",
        "feature_reduction",
        "projected",
        "distill_to",
        "suppression",
        "scope",
        "frozen_features",
    }


@pytest.mark.parametrize("spec", [None, 3, ["late"], {"alpha": 1}, {"name": 3}])
def test_a_component_needs_a_name(spec):
    with pytest.raises(UserError, match="fusion: expected a name, or a mapping with a name, got"):
        split_spec(spec, "fusion")


MISSING = object()
GRAPH = torch.ones(2, requires_grad=True) * 2


class Peculiar:
    """Its defaults cannot be copied, or mean something by being what they are."""

    def __init__(self, width: int = 3, left=MISSING, graph=GRAPH, names: list[str] = ["a"]) -> None:  # noqa: B006
        pass


@pytest.mark.parametrize("options", [{}, {"width": 4}])
def test_defaults_are_the_objects_of_the_signature_and_lists_are_nobody_elses(options):
    for _ in range(2):  # the second time from memory
        found = check_options(Peculiar, options, "method")
        assert found["left"] is MISSING
        assert found["graph"] is GRAPH
        assert found["names"] == ["a"]
        found["names"].append("b")


def test_what_was_given_before_does_not_answer_for_another_type():
    for value in (1, True, 1.0, 1):
        said = check_options(dict_of, {"x": value}, "data")["x"]
        assert (said, type(said)) == (value, type(value))


def dict_of(x: Any) -> None:
    """Takes anything."""
