"""Every method of the catalog on one process, or its share of two; for `test_every_method.py`."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

import g2d
from distributed.cases import BATCH, TRAIN, VAL, WIDTH, bank, encoder, split
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, fit
from g2d.models.fusion import FiLMFusion, Fusion
from g2d.recipes.catalog import METHODS
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import recipe_from
from methods.catalogued import EARLY
from methods.small import NAMES, TASKS
from toy import toy_recipe

TASK = TASKS["classification"]
EPOCHS = 4
TRAINED = [name for name in METHODS if name != "ume"]
# Options with which a method does in so few epochs what it does later in a long run.
OPTIONS = EARLY | {"mslr": {"history": 1, "rates": {NAMES[1]: 2.0}}}


@dataclass(frozen=True)
class Case:
    """A method, a fusion and a number of modalities."""

    method: str
    fusion: type[Fusion]
    k: int

    @property
    def label(self) -> str:
        return f"{self.method}, {self.k} {self.fusion.__name__}"


def cases() -> Iterator[Case]:
    """Every method with two modalities and a sum, and with three and no sum where it allows it."""
    for name in TRAINED:
        yield Case(name, g2d.LateFusion, 2)
        yield Case(name, FiLMFusion if METHODS[name].fusions == "all" else g2d.LateFusion, 3)
    yield Case("joint+smp", FiLMFusion, 3)


CASES = {case.label: case for case in cases()}


def train(case: Case, rank: int = 0, world_size: int = 1) -> dict[str, torch.Tensor]:
    """Trains a method and returns the last weights."""
    k, names = case.k, NAMES[: case.k]
    settings = TrainingSettings(
        epochs=EPOCHS, learning_rate=0.02, accelerator="cpu", devices=world_size
    )
    fabric = settings.make_fabric()
    recipe = recipe_from(
        toy_recipe(epochs=EPOCHS)
        | {
            "method": {"name": case.method, **OPTIONS.get(case.method, {})},
            "encoders": dict.fromkeys(names, "toy.ToyEncoder"),
            "fusion": f"{case.fusion.__module__}.{case.fusion.__name__}",
        }
    )
    plan = plan_method(recipe, names)
    confidence = {n: 0.2 + 0.2 * place for place, n in enumerate(names)}
    teachers = bank(k) if plan.needs_teachers else None

    class Latest(g2d.Classification):
        """Prefers the latest epoch, so that `fit` leaves its last weights."""

        def better(self, candidate: float, best: float | None) -> bool:
            return True

    torch.manual_seed(5)
    fusion = case.fusion(dict.fromkeys(names, WIDTH), TASK.outputs)
    model = g2d.MultimodalModel({n: encoder() for n in names}, fusion)
    method = plan.make(model, TASK, teachers, confidence)
    method.task = Latest(TASK.outputs)
    data = split(k, TRAIN, seed=2)

    def iter_train(fraction: float, seed: int) -> Iterable[g2d.Batch]:
        return make_loader(data, 16, shuffle=False)

    share = {"rank": rank, "world_size": world_size}
    train = make_loader(data, BATCH // world_size, shuffle=True, seed=4, **share)
    val = make_loader(split(k, VAL, seed=3), 4, shuffle=False, **share)
    fit(method, train, val, settings, fabric=fabric, iter_train=iter_train)
    # The running mean features behind unimodal logits are those of the first process's share.
    return {key: value for key, value in model.state_dict().items() if ".means." not in key}


def worker(rank: int, world_size: int, port: int, folder: Path) -> None:
    """One of the processes: every method, one after the other."""
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        WORLD_SIZE=str(world_size),
        NODE_RANK="0",
        LOCAL_RANK=str(rank),
    )
    found: dict[str, Any] = {label: train(case, rank, world_size) for label, case in CASES.items()}
    torch.save(found, folder / f"rank{rank}.pt")
    torch.distributed.destroy_process_group()
