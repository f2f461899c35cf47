"""Plain modules with `forward(near, far, ...)`, attached, in a loop with nothing of the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

import g2d
from g2d.data.loader import make_loader
from g2d.engine.evaluate import evaluate
from g2d.engine.settings import TrainingSettings
from g2d.recipes.recipe import Recipe
from methods.catalogued import EPOCHS, plan, splits, teachers
from toy import ToyEncoder

TASK = g2d.Classification(3)


class Late(nn.Module):
    """Two or three encoders with a linear head each, and the mean of what the heads answer."""

    def __init__(self, names: Sequence[str], dropout: float = 0.1) -> None:
        super().__init__()
        self.names = list(names)
        for name in names:
            setattr(self, f"{name}_net", ToyEncoder(dropout))
        for name in names:
            setattr(self, f"{name}_head", nn.Linear(8, 3))

    def part(self, name: str, what: str) -> nn.Module:
        return getattr(self, f"{name}_{what}")

    def forward(self, near: Tensor, far: Tensor, deep: Tensor | None = None) -> Tensor:
        given = {"near": near, "far": far, "deep": deep}
        said = [self.part(n, "head")(self.part(n, "net")(given[n])) for n in self.names]
        return torch.stack(said).sum(dim=0) / len(said)

    def attached(self) -> g2d.Student:
        return g2d.attach(
            self,
            {name: self.part(name, "net") for name in self.names},
            heads={name: self.part(name, "head") for name in self.names},
        )


class Deep(nn.Module):
    """A two-layer network on the concatenation; keyword arguments, and no head of one modality."""

    def __init__(self, names: Sequence[str], dropout: float = 0.1) -> None:
        super().__init__()
        self.names = list(names)
        self.nets = nn.ModuleList(ToyEncoder(dropout) for _ in names)
        self.head = nn.Sequential(nn.Linear(8 * len(names), 8), nn.ReLU(), nn.Linear(8, 3))

    def forward(self, near: Tensor, **others: Tensor) -> Tensor:
        given = {"near": near, **others}
        # always in one order, so that the order of declaration is the caller's alone
        order = sorted(range(len(self.names)), key=lambda place: self.names[place])
        features = [self.nets[place](given[self.names[place]]) for place in order]
        return self.head(torch.cat(features, dim=1))

    def part(self, name: str, what: str) -> nn.Module:
        return self.nets[self.names.index(name)]

    def attached(self) -> g2d.Student:
        return g2d.attach(self, {name: self.part(name, "net") for name in self.names})


class Answers(nn.Module):
    """What the engine's evaluation asks, answered by an attached model."""

    def __init__(self, student: g2d.Student) -> None:
        super().__init__()
        self.student = student

    def forward(self, batch: g2d.Batch) -> g2d.Outputs:
        return self.student.observe(ask(self.student.net, batch), batch)[0]

    def train(self, mode: bool = True) -> Any:
        self.student.net.train(mode)
        return super().train(mode)


def ask(net: nn.Module, batch: g2d.Batch) -> Tensor:
    near, *others = batch.modalities
    return net(batch.inputs[near], **{name: batch.inputs[name] for name in others})


def plain(kind: type[Late | Deep], k: int, dropout: float = 0.1) -> Any:
    torch.manual_seed(0)
    return kind(splits(k).spec.modalities, dropout)


def made(name: str, student: g2d.Student, recipe: Recipe) -> g2d.Method:
    """The recipe's method on an attached model."""
    planned, names = plan(recipe), student.modalities
    bank = teachers(TASK, tuple(recipe.encoders)) if planned.needs_teachers else None
    confidence = {n: 0.9 - 0.2 * tuple(recipe.encoders).index(n) for n in names}
    return planned.make(student, TASK, bank, confidence)


class OwnLoop:
    """The loop of the README, its state in the hands of whoever runs it."""

    def __init__(self, method: g2d.Method, recipe: Recipe, k: int, step_start: bool = True) -> None:
        self.method, self.net = method, method.student.net
        self.k, self.step_start = k, step_start
        settings = TrainingSettings(**recipe.training)
        self.optimizer = settings.make_optimizer(method.parameter_groups())
        self.scheduler = settings.make_scheduler(self.optimizer)
        self.batch_size, self.seed = settings.batch_size, recipe.seed
        method.on_fit_start(g2d.Loop(self.optimizer, epochs=EPOCHS, iter_train=self.iter_train))
        torch.manual_seed(recipe.seed)

    def batches(self, epoch: int) -> Iterable[g2d.Batch]:
        loader = make_loader(splits(self.k).train, self.batch_size, shuffle=True, seed=self.seed)
        loader.batch_sampler.sampler.set_epoch(epoch)
        return loader

    def iter_train(self, fraction: float, seed: int) -> Iterator[Any]:
        data = splits(self.k).train
        count = max(1, round(fraction * len(data)))
        rows = torch.arange(len(data))
        if count < len(data):
            rows = torch.randperm(len(data), generator=torch.Generator().manual_seed(seed))[:count]
        for part in rows.sort().values.split(256):
            batch = data.__getitems__(part.tolist())
            known = {"index": batch.index, "present": batch.present}
            yield ask(self.net, batch), batch.target, known

    def run(self, first: int = 0, last: int = EPOCHS) -> None:
        for epoch in range(first, last):
            self.net.train()
            self.method.on_epoch_start(epoch)
            for batch in self.batches(epoch):
                answer = ask(self.net, batch)
                loss = self.method.loss(answer, batch.target, index=batch.index)
                loss.backward()
                self.method.adjust_gradients()
                self.optimizer.step()
                self.optimizer.zero_grad()
            self.method.student.train_only(None)
            val = make_loader(splits(self.k).val, 256, shuffle=False)
            found = evaluate(Answers(self.method.student), val, TASK)
            self.scheduler.step()
            self.method.on_validation_end(found.record())

    def state(self) -> dict[str, Any]:
        return {
            "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "scheduler": self.scheduler.state_dict(),
            "method": self.method.state_dict(),
            "student": self.method.student.state_dict(),
            "random": torch.get_rng_state(),
        }

    def load(self, state: dict[str, Any]) -> None:
        self.net.load_state_dict(state["net"])
        self.method.student.load_state_dict(state["student"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.scheduler.load_state_dict(state["scheduler"])
        self.method.load_state_dict(state["method"])
        torch.set_rng_state(state["random"])
