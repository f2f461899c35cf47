"""Training with every method equals training by the paper's equations, step by step."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
import torch

import g2d
from g2d.teachers.confidence import batch_confidence
from methods.small import TASKS, WIDTHS, bank, batch, same, sgd, step, student, weights
from reference import g2d as paper

KINDS = list(TASKS)
TAU = {2: (2, 2), 3: (1, 1, 2)}
EPOCHS, BATCHES = 4, 2


@dataclass(frozen=True)
class Case:
    """The same plan in the terms of the package and in those of the reference."""

    method: str
    weights: paper.Weights = field(default_factory=paper.Weights)
    options: dict[str, Any] = field(default_factory=dict)
    missing: bool = False
    fixed: bool = False

    def build(
        self, model: g2d.MultimodalModel, task: g2d.Task, teachers: g2d.OnlineTeachers
    ) -> g2d.Method:
        w, tau = self.weights, TAU[len(model.modalities)]
        fixed = self.confidence(teachers.modalities)
        distilling = {
            "alpha": w.alpha,
            "beta": w.beta,
            "temperature": w.temperature,
            "feature_reduction": w.reduction,
            "gamma": w.gamma,
            "distill_to": w.target,
        }
        if self.method == "joint":
            return g2d.JointTraining(model, task)
        if self.method == "umt":
            return g2d.UMT(model, task, teachers, weight=w.alpha, feature_reduction=w.reduction)
        if self.method == "loss":
            return g2d.G2DLoss(model, task, teachers, **distilling)
        if self.method == "smp":
            joint = g2d.JointTraining(model, task)
            return g2d.SequentialPrioritization(
                joint, teachers, tau, confidence=fixed, **self.options
            )
        return g2d.G2D(model, task, teachers, tau, confidence=fixed, **distilling, **self.options)

    def plan(self, modalities: tuple[str, ...]) -> paper.Plan:
        prioritizing = self.method in ("smp", "g2d")
        return paper.Plan(
            self.weights,
            tau=TAU[len(modalities)] if prioritizing else (),
            fixed=self.confidence(modalities),
            **self.options,
        )

    def confidence(self, modalities: tuple[str, ...]) -> dict[str, float] | None:
        return {m: 0.5 - 0.1 * i for i, m in enumerate(modalities)} if self.fixed else None


FULL = paper.Weights(alpha=0.7, beta=1.3, temperature=2.0, reduction="sum")
MEAN = paper.Weights(alpha=2.0, beta=0.5, temperature=1.0, reduction="mean")
OWN = paper.Weights(alpha=0.7, beta=1.3, temperature=2.0, reduction="mean", gamma=0.6)
TO_BRANCH = paper.Weights(beta=0.7, temperature=2.0, gamma=0.6, target="branch")
TO_ENSEMBLE = paper.Weights(alpha=0.7, beta=1.3, temperature=2.0, gamma=0.6, target="ensemble")
ENCODER, BRANCH = {"scope": "encoder"}, {"scope": "branch"}
CASES = {
    "joint": Case("joint"),
    "joint, some missing": Case("joint", missing=True),
    "umt": Case("umt", paper.Weights(alpha=1.0, reduction="mean")),
    "umt, summed, some missing": Case("umt", paper.Weights(alpha=0.3), missing=True),
    "loss": Case("loss", FULL),
    "loss, mean": Case("loss", MEAN),
    "loss, some missing": Case("loss", FULL, missing=True),
    "loss, logits only": Case("loss", paper.Weights(beta=3.0, temperature=0.5)),
    "loss, every branch its own": Case("loss", OWN),
    "loss, every branch its own, some missing": Case("loss", OWN, missing=True),
    "loss, to branches": Case("loss", TO_BRANCH),
    "loss, to branches, some missing": Case("loss", TO_BRANCH, missing=True),
    "loss, to the ensemble": Case("loss", TO_ENSEMBLE),
    "loss, to the ensemble, some missing": Case("loss", TO_ENSEMBLE, missing=True),
    "smp": Case("smp", options=ENCODER),
    "smp, fixed ranking, branch": Case("smp", options=BRANCH, fixed=True),
    "g2d": Case("g2d", MEAN, ENCODER),
    "g2d, branch": Case("g2d", FULL, BRANCH),
    "g2d, some missing": Case("g2d", FULL, ENCODER, missing=True),
    "g2d, fixed ranking": Case("g2d", FULL, ENCODER, fixed=True),
    "g2d, every branch its own": Case("g2d", OWN, BRANCH, fixed=True),
    "g2d, partial": Case("g2d", FULL, {"suppression": "partial", **ENCODER}),
    "g2d, partial, branch": Case("g2d", MEAN, {"suppression": "partial", **BRANCH}, fixed=True),
}


def zeroed(batch: g2d.Batch) -> dict[str, torch.Tensor]:
    """An encoder sees zeros where its modality is absent: batch norm needs a value there."""
    inputs = {name: rows.clone() for name, rows in batch.inputs.items()}
    for name, present in batch.present.items():
        inputs[name][~present] = 0.0
    return inputs


def reference_task(kind: str) -> paper.Task:
    task = TASKS[kind]
    if isinstance(task, g2d.Regression):
        return paper.Task(kind, task.low, task.high, task.std)
    return paper.Task(kind)


ALL_TASKS = (
    "loss, some missing",
    "loss, every branch its own, some missing",
    "loss, to branches, some missing",
    "loss, to the ensemble, some missing",
    "smp",
    "g2d, branch",
    "g2d, partial",
)


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize(
    ("name", "kind"),
    [(name, kind) for name in CASES for kind in (KINDS if name in ALL_TASKS else KINDS[:1])],
)
def test_training_follows_the_equations(name: str, kind: str, k: int) -> None:
    case, task = CASES[name], TASKS[kind]
    names = tuple(WIDTHS)[:k]
    teachers = bank(names, task)
    model = student(names, task.outputs)
    epochs = [
        [batch(names, task, seed=10 * e + s, missing=case.missing) for s in range(BATCHES)]
        for e in range(EPOCHS)
    ]
    expected = paper.train(
        reference_task(kind),
        case.plan(names),
        {key: value.clone() for key, value in model.state_dict().items()},
        [key for key, _ in model.named_parameters()],
        {m: model_of.state_dict() for m, model_of in teachers.models.items()},
        [
            paper.Sample(e + 1, zeroed(b), b.target, {m: p.tolist() for m, p in b.present.items()})
            for e, batches in enumerate(epochs)
            for b in batches
        ],
        paper.SGD(rate=0.05, momentum=0.9, decay=0.02),
    )
    method, optimizer = case.build(model, task, teachers), sgd(model)
    steps = iter(expected)
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            loss, active, params = next(steps)
            if case.options.get("suppression") != "partial":
                method.on_step_start(data)
                trainable = method.active()
                assert (set(names) if trainable is None else trainable) == active
            assert step(method, optimizer, data).item() == pytest.approx(loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=1e-4, atol=2e-6, msg=key
                )


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", ["smp", "g2d", "g2d, branch", "g2d, some missing"])
def test_a_loop_that_does_not_tell_its_batches_beforehand_trains_alike(name: str, k: int) -> None:
    """Ranked by batch, bit for bit, in steps of two batches: `on_step_start` only saves work."""
    case, task, names = CASES[name], TASKS["classification"], tuple(WIDTHS)[:k]
    trained = []
    for told in (True, False):
        model = student(names, task.outputs)
        method, optimizer = case.build(model, task, bank(names, task)), sgd(model)
        for epoch in range(EPOCHS):
            method.on_epoch_start(epoch)
            for s in range(3):
                seeds = (10 * epoch + s, 10 * epoch + s + 5)
                parts = [batch(names, task, seed=seed, missing=case.missing) for seed in seeds]
                if told:
                    method.on_step_start(*parts)
                for data in parts:
                    method.loss(model(data), data).backward()
                method.adjust_gradients()
                optimizer.step()
                optimizer.zero_grad()
        trained.append(weights(model))
    assert same(*trained)


def test_the_cases_put_the_ranking_to_the_test() -> None:
    """Ranked by batch, different batches train different encoders (or the above says little)."""
    for kind in KINDS:
        names, task = tuple(WIDTHS)[:3], TASKS[kind]
        teachers = bank(names, task)
        leaders = set()
        for seed in (0, 1, 10, 11, 20, 21):
            confidence = batch_confidence(teachers, [batch(names, task, seed=seed)])
            leaders.add(g2d.rank(confidence)[0])
        assert len(leaders) > 1
