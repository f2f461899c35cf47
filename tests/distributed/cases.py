"""Training runs that one process and two do alike; run in both by `test_two_processes.py`."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

import g2d
from g2d.data.arrays import ArraySplit
from g2d.data.loader import make_loader
from g2d.engine import TrainingSettings, evaluate, fit
from g2d.teachers.confidence import batch_confidence
from methods.small import NAMES, TASKS

TASK = TASKS["classification"]
# Nine are no two halves: one sample is evaluated by both processes.
TRAIN, VAL, BATCH = 48, 9, 8
SIZE, WIDTH = 6, 5


@dataclass(frozen=True)
class Case:
    k: int
    schedule: tuple[int, ...]
    ranked_by_batch: bool
    options: dict[str, Any]
    settings: dict[str, Any] = field(default_factory=dict)


CASES = {
    "ranked by batch": Case(2, (2, 2), True, {"scope": "encoder"}),
    "ranked by held-out data, branch": Case(3, (1, 1, 2), False, {"scope": "branch"}),
    "accumulated and clipped": Case(
        3, (1, 1, 2), True, {"scope": "branch"}, {"accumulate": 2, "clip_norm": 0.5}
    ),
    "partial, adamw": Case(
        2,
        (2, 2),
        True,
        {"scope": "encoder", "suppression": "partial"},
        {"optimizer": "adamw"},
    ),
}


def encoder() -> nn.Module:
    """Without batch norm, whose statistics are those of a process's own half."""
    return nn.Sequential(nn.Linear(SIZE, 7), nn.Tanh(), nn.Linear(7, WIDTH))


def split(k: int, size: int, seed: int) -> ArraySplit:
    """Of three modalities each sample lacks one, now and then; of two all are there."""
    rng = np.random.default_rng(seed)
    inputs = {name: rng.standard_normal((size, SIZE)).astype(np.float32) for name in NAMES[:k]}
    target = rng.integers(0, TASK.outputs, size)
    lacks = rng.integers(0, 5, size)
    there = {name: lacks != place for place, name in enumerate(NAMES[:k])}
    return ArraySplit(inputs, target, there if k == 3 else None)


def bank(k: int) -> g2d.OnlineTeachers:
    torch.manual_seed(1)
    names = NAMES[:k]
    models = {n: g2d.UnimodalModel(n, encoder(), WIDTH, TASK.outputs) for n in names}
    return g2d.OnlineTeachers(models, TASK)


def loaders(k: int, rank: int, world_size: int) -> tuple[Any, Any]:
    """Half the batch on each of two processes is the whole batch on one."""
    train = make_loader(
        split(k, TRAIN, seed=2),
        BATCH // world_size,
        shuffle=True,
        seed=4,
        rank=rank,
        world_size=world_size,
    )
    val = make_loader(split(k, VAL, seed=3), 4, shuffle=False, rank=rank, world_size=world_size)
    return train, val


def settings(case: Case, world_size: int) -> TrainingSettings:
    return TrainingSettings(
        epochs=sum(case.schedule),
        learning_rate=0.02,
        weight_decay=0.01,
        accelerator="cpu",
        devices=world_size,
        **case.settings,
    )


def run(name: str, folder: Path, rank: int = 0, world_size: int = 1) -> dict[str, Any]:
    """Trains a case and tells what came of it, as this process sees it."""
    case = CASES[name]
    wanted = settings(case, world_size)
    fabric = wanted.make_fabric()
    assert (fabric.global_rank, fabric.world_size) == (rank, world_size)
    teachers = bank(case.k)
    train, val = loaders(case.k, rank, world_size)
    # Every process measures the whole split, as `g2d.runs` does.
    whole = make_loader(split(case.k, VAL, seed=3), 4, shuffle=False)
    fixed = None if case.ranked_by_batch else g2d.mean_confidence(teachers, whole)
    first = next(iter(train))
    torch.manual_seed(5)
    names = NAMES[: case.k]
    model = g2d.MultimodalModel(
        {n: encoder() for n in names}, g2d.LateFusion(dict.fromkeys(names, WIDTH), TASK.outputs)
    )
    method = g2d.G2D(model, TASK, teachers, case.schedule, confidence=fixed, **case.options)
    result = fit(method, train, val, wanted, fabric=fabric, folder=folder / name)
    found: dict[str, Any] = {
        "best epoch": result.best_epoch,
        "best": result.best,
        "fixed": fixed,
        "first batch": {n: v.item() for n, v in batch_confidence(teachers, [first]).items()},
        "best weights": model.state_dict(),
    }
    if rank == 0:
        found["last"] = torch.load(folder / name / "last.ckpt", weights_only=True)
    return found


def evaluated(rank: int = 0, world_size: int = 1) -> dict[str, Any]:
    """What evaluation finds where one batch alone, of one process, has a mask."""
    fabric = TrainingSettings(accelerator="cpu", devices=world_size).make_fabric()
    names = NAMES[:2]
    torch.manual_seed(5)
    model = g2d.MultimodalModel(
        {n: encoder() for n in names}, g2d.LateFusion(dict.fromkeys(names, WIDTH), TASK.outputs)
    )
    share = {"rank": rank, "world_size": world_size}
    batches = list(make_loader(split(2, VAL, seed=3), 2, shuffle=False, **share))
    for batch in batches:
        if (batch.index == 0).any():
            batch.present[names[1]] = batch.index > 0
    found = evaluate(model, batches, TASK, fabric)
    return {"present": found.present, "metrics": found.metrics}


def worker(rank: int, world_size: int, port: int, folder: Path) -> None:
    """One of the processes: all cases, one after the other."""
    torch.set_num_threads(1)
    os.environ.update(
        MASTER_ADDR="127.0.0.1",
        MASTER_PORT=str(port),
        WORLD_SIZE=str(world_size),
        NODE_RANK="0",
        LOCAL_RANK=str(rank),
    )
    found = {name: run(name, folder, rank, world_size) for name in CASES}
    found["evaluated"] = evaluated(rank, world_size)
    torch.save(found, folder / f"rank{rank}.pt")
    torch.distributed.destroy_process_group()
