"""Any method of the catalog on toy data, by its name alone, as a recipe would make it."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from g2d import MultimodalModel, OnlineTeachers, Task, UnimodalModel
from g2d.data.splits import Splits
from g2d.engine.loop import fit
from g2d.engine.settings import TrainingSettings
from g2d.recipes.build import build_student
from g2d.recipes.catalog import METHODS
from g2d.recipes.method_plan import MethodPlan
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe, recipe_from
from g2d.runs.loaders import evaluation_loader, iter_train, train_loader
from toy import ToyData, ToyEncoder, toy_recipe

# Every method that has a student to train.
TRAINED = [name for name in METHODS if name != "ume"]
EPOCHS = 4
# Two modalities and SGD in every run of the tests; the rest by `make test-conformance`.
MODALITIES = [2, pytest.param(3, marks=pytest.mark.conformance)]
# Options with which a method does in so few epochs what it does later in a long run.
EARLY: dict[str, dict[str, Any]] = {
    "gradient_blending": {"super_epoch": 1},
    "inforeg": {"first": 0, "threshold": 0.0},
    "mses": {"patience": 0},
    "mslr": {"history": 1, "rates": {"far": 2.0}},
}
OPTIMIZERS = ["sgd", pytest.param("adamw", marks=pytest.mark.conformance)]


@cache
def splits(k: int, regression: bool = False) -> Splits:
    return ToyData(samples=72, modalities=k, regression=regression).splits()


def recipe(name: str, k: int, options: Mapping[str, Any] | None = None, **changes: Any) -> Recipe:
    """A recipe for one method; `changes` are of its training, and `fusion` and `dropout`."""
    fusion, dropout = changes.pop("fusion", "late"), changes.pop("dropout", 0.1)
    tokens = isinstance(fusion, dict) and fusion.get("tokens") == "sequence"
    encoder = {"name": "toy.ToyTokens" if tokens else "toy.ToyEncoder", "dropout": dropout}
    plain = toy_recipe(epochs=EPOCHS, **changes)
    return recipe_from(
        {
            **plain,
            "data": {"name": "toy.ToyData", "modalities": k},
            "encoders": dict.fromkeys(splits(k).spec.modalities, encoder),
            "fusion": fusion,
            "method": {"name": name, **(options or EARLY.get(name, {}))},
        }
    )


def plan(made: Recipe) -> MethodPlan:
    return plan_method(made, tuple(made.encoders))


def teachers(task: Task, names: tuple[str, ...]) -> OnlineTeachers:
    """Untrained, opinionated, each different."""
    torch.manual_seed(5)
    models = {name: UnimodalModel(name, ToyEncoder(), 8, task.outputs) for name in names}
    return OnlineTeachers(models, task)


def method_of(made: Recipe, task: Task, model: MultimodalModel | None = None) -> Any:
    """The method itself, its teachers untrained; the last modality is the weakest."""
    names = tuple(made.encoders)
    planned = plan(made)
    bank = teachers(task, names) if planned.needs_teachers else None
    confidence = {name: 0.9 - 0.2 * place for place, name in enumerate(names)}
    return planned.make(model or student(made, task), task, bank, confidence)


def student(made: Recipe, task: Task) -> MultimodalModel:
    torch.manual_seed(made.seed)
    return build_student(made, tuple(made.encoders), task)


def latest(task: Task) -> Task:
    """Prefers the latest epoch, so that `fit` leaves its last weights in the model."""
    own = copy.copy(task)
    own.better = lambda candidate, best: True  # type: ignore[method-assign]
    return own


def fitted(
    made: Recipe,
    data: Splits,
    folder: Path | None = None,
    stop_after: int | None = None,
    model: MultimodalModel | None = None,
) -> MultimodalModel:
    """Trains as `g2d train` does, to the last weights; with a folder, goes on where it stopped."""
    settings = TrainingSettings(**made.training)
    fabric = settings.make_fabric()
    task = data.spec.task
    method = method_of(made, task, model)
    model = method.student.net
    method.task = latest(task)
    torch.manual_seed(made.seed)
    fit(
        method,
        train_loader(data.train, settings, made.seed, fabric),
        evaluation_loader(data.val, settings, fabric),
        settings,
        fabric=fabric,
        iter_train=partial(iter_train, data.train, settings, fabric),
        folder=folder,
        resume=folder is not None,
        stop_after=stop_after,
    )
    return model


def state(model: nn.Module) -> dict[str, torch.Tensor]:
    return {key: value.detach().clone() for key, value in model.state_dict().items()}
