"""Small models on random data, as analyses see them."""

from __future__ import annotations

import torch

from g2d import Batch, Classification, MultimodalModel, Regression, Task, UnimodalModel
from g2d.analysis.subject import Subject
from g2d.recipes.catalog import FUSIONS
from g2d.recipes.components import locate
from g2d.tasks import MultiLabel

NAMES = ("a", "b", "c")
TASKS = {"classes": Classification(3), "labels": MultiLabel(3), "numbers": Regression(-2, 2, 1)}


def targets(task: Task, inputs: dict[str, torch.Tensor], noise: torch.Tensor) -> torch.Tensor:
    """Something that the inputs say, and chance."""
    said = sum(rows[:, :3] for rows in inputs.values()) + noise
    if isinstance(task, Classification):
        return said.argmax(dim=1)
    return (said > 0).long() if isinstance(task, MultiLabel) else said.mean(dim=1)


def samples(task: Task, count: int, seed: int, masked: bool = False) -> list[Batch]:
    """Batches of 16, in order."""
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(count, 4, generator=generator) for name in NAMES}
    target = targets(task, inputs, torch.randn(count, 3, generator=generator))
    there = torch.rand(count, generator=generator) < 0.6
    rows = torch.arange(count).split(16)
    return [
        Batch(
            {name: values[some] for name, values in inputs.items()},
            target[some],
            some,
            {"b": there[some]} if masked else {},
        )
        for some in rows
    ]


def subject(
    task: str = "classes",
    *,
    label: str = "mine",
    seed: int = 0,
    masked: bool = False,
    fusion: str = "late",
    noise: float = 0.0,
) -> Subject:
    """A model and teachers with random weights; `noise` augments what the student saw."""
    kind = TASKS[task]
    torch.manual_seed(seed)
    encoders = {n: torch.nn.Sequential(torch.nn.Linear(4, 5), torch.nn.ReLU()) for n in NAMES}
    made = locate(fusion, FUSIONS, "fusion")(dict.fromkeys(NAMES, 5), kind.outputs)
    teachers = {
        n: UnimodalModel(n, torch.nn.Linear(4, 5), width=5, outputs=kind.outputs) for n in NAMES
    }
    splits = {
        name: samples(kind, count, number, masked)
        for number, (name, count) in enumerate({"train": 90, "val": 50, "test": 70}.items())
    }

    def seen():
        for batch in splits["train"]:
            shaken = {n: v + noise * torch.randn_like(v) for n, v in batch.inputs.items()}
            yield Batch(shaken, batch.target, batch.index, batch.present)

    return Subject(
        label=label,
        model=MultimodalModel(encoders, made).eval(),
        task=kind,
        batches=lambda name: list(splits[name]),
        teachers={name: teacher.eval() for name, teacher in teachers.items()},
        seen=seen,
    )


def whole(batches):
    """All samples of some batches as one."""
    return Batch(
        {n: torch.cat([b.inputs[n] for b in batches]) for n in NAMES},
        torch.cat([b.target for b in batches]),
        torch.cat([b.index for b in batches]),
        {n: torch.cat([b.present[n] for b in batches]) for n in batches[0].present},
    )


def looks_drawn(path):
    """Whether a PNG shows more than an empty frame."""
    import numpy as np
    from matplotlib.image import imread

    picture = imread(path)
    return len(np.unique(picture.reshape(-1, picture.shape[-1]), axis=0)) > 20
