"""A loop that is watched trains bit for bit what it trains alone."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn

import g2d
from g2d.models.fusion import Fusion
from g2d.models.fusion.unimodal_heads import UnimodalHeads
from host_reads import Reads
from methods import small
from monitor.watched import NAMES, TASK, attached, loop, net, samples

DATA = [samples(seed=seed) for seed in range(4)]


def teachers() -> g2d.OnlineTeachers:
    made = {}
    for name in NAMES:
        alone = nn.Sequential(nn.Linear(7, 4), nn.Dropout(0.5), nn.BatchNorm1d(4), nn.Linear(4, 3))
        made[name] = g2d.attach(alone, {name: alone[0]})
    return g2d.OnlineTeachers(made, TASK)


def state(model: nn.Module, optimizer: torch.optim.Optimizer) -> dict[str, Any]:
    return {
        "weights": copy.deepcopy(model.state_dict()),
        "optimizer": copy.deepcopy(optimizer.state_dict()),
        "gradients": [None if p.grad is None else p.grad.clone() for p in model.parameters()],
        "trainable": [p.requires_grad for p in model.parameters()],
        "modes": [part.training for part in model.modules()],
        "random": torch.get_rng_state(),
    }


@pytest.mark.parametrize("with_teachers", [False, True])
@pytest.mark.parametrize("heads", [False, True])
def test_a_plain_loop(heads: bool, with_teachers: bool) -> None:
    alone, model, bank = net(heads), net(heads), teachers() if with_teachers else None
    student = attached(model)
    torch.manual_seed(5)
    expected = state(alone, loop(alone, DATA))
    torch.manual_seed(5)
    doctor = g2d.doctor(student, TASK, bank)
    found = state(model, loop(model, DATA, doctor.watch))
    torch.testing.assert_close(found, expected, rtol=0, atol=0)
    doctor.epoch()
    torch.testing.assert_close(torch.get_rng_state(), expected["random"], rtol=0, atol=0)


def test_gradients_are_those_of_before() -> None:
    model = net(heads=True)
    doctor = g2d.doctor(attached(model), TASK)
    inputs, target = DATA[0]
    TASK.loss(model(**inputs), target).backward()
    before = [None if p.grad is None else p.grad.clone() for p in model.parameters()]
    doctor.watch(target)
    after = [p.grad for p in model.parameters()]
    torch.testing.assert_close(after, before, rtol=0, atol=0)


METHODS: dict[str, Callable[[nn.Module], g2d.Method]] = {
    "joint": lambda model: g2d.JointTraining(model, small.TASKS["classification"]),
    "ogm": lambda model: g2d.OGM(model, small.TASKS["classification"]),
    "amco": lambda model: g2d.AMCo(model, small.TASKS["classification"]),
    "opm": lambda model: g2d.OPM(model, small.TASKS["classification"]),
    "mmpareto": lambda model: g2d.MMPareto(model, small.TASKS["classification"]),
}


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize(
    "fusion", [g2d.LateFusion, g2d.ConcatFusion, g2d.FiLMFusion], ids=lambda f: f.__name__
)
@pytest.mark.parametrize("name", METHODS)
def test_a_model_of_g2d_under_a_method(name: str, fusion: type[Fusion], missing: bool) -> None:
    task, names = small.TASKS["classification"], ("sound", "image")
    data = [small.batch(names, task, seed=seed, missing=missing) for seed in range(3)]
    found = []
    for watched in (False, True):
        method = METHODS[name](small.student(names, task.outputs, fusion))
        model = method.student.net
        optimizer = small.adamw(model)
        doctor = g2d.doctor(method.student, task) if watched else None
        torch.manual_seed(5)
        method.on_fit_start(g2d.Loop(optimizer, epochs=1))
        method.on_epoch_start(0)
        for batch in data:
            method.loss(model(batch), batch).backward()
            method.adjust_gradients()
            if doctor is not None:
                doctor.watch(batch)
            optimizer.step()
            optimizer.zero_grad()
        if doctor is not None:
            record = doctor.epoch()
            assert {f"{m}/accuracy" for m in ("fused", *names)} <= set(record)
        found.append(state(model, optimizer))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_heads_of_a_fusion_with_statistics_and_dropout() -> None:
    task, names = small.TASKS["classification"], ("sound", "image")
    batch, found = small.batch(names, task), []
    for watched in (False, True):
        model = small.student(names, task.outputs)
        parts = {
            name: nn.Sequential(nn.BatchNorm1d(width), nn.Dropout(0.3), nn.Linear(width, 4))
            for name, width in model.fusion.widths.items()
        }
        model.fusion = UnimodalHeads(model.fusion, heads=nn.ModuleDict(parts))
        torch.manual_seed(5)
        optimizer = small.sgd(model)
        doctor = g2d.doctor(model, task)
        for _ in range(2):
            task.loss(model(batch).logits, batch.target).backward()
            if watched:
                doctor.watch(batch)
            optimizer.step()
            optimizer.zero_grad()
        found.append(state(model, optimizer))
    torch.testing.assert_close(found[1], found[0], rtol=0, atol=0)


def test_passes_that_nobody_watches_change_nothing() -> None:
    model, alone = net(), net()
    g2d.doctor(attached(model), TASK)
    torch.manual_seed(5)
    loop(model, DATA)
    torch.manual_seed(5)
    loop(alone, DATA)
    torch.testing.assert_close(model.state_dict(), alone.state_dict(), rtol=0, atol=0)


@pytest.mark.parametrize("heads", [False, True])
def test_no_step_waits_for_the_device(heads: bool) -> None:
    model = net(heads)
    doctor = g2d.doctor(attached(model), TASK, teachers())
    with Reads() as reads:
        loop(model, DATA, doctor.watch)
    # Adam counts its steps on the host, one count for each of the probes' tensors
    own = 0 if heads else 2 * len(NAMES) * len(DATA)
    assert reads.seen == Counter({"aten::_local_scalar_dense": own} if own else {})
    doctor.epoch()
    loop(model, DATA, doctor.watch)
    with Reads() as reads:
        doctor.epoch()
    assert reads.seen == {"tolist": 1}


def test_after_detach_nothing_is_hooked() -> None:
    model = net()
    student = attached(model)
    doctor = g2d.doctor(student, TASK)
    doctor.detach()
    inputs, target = DATA[0]
    TASK.loss(model(**inputs), target).backward()
    with pytest.raises(g2d.UserError, match="was not called"):
        doctor.watch(target)
    student.detach()
    doctor.detach()


def test_a_model_that_is_attached_stays_with_its_method() -> None:
    """`g2d.doctor(model)` takes the student that a method has made of it."""
    task, names = small.TASKS["classification"], ("sound", "image")
    model = small.student(names, task.outputs)
    method = g2d.OPM(model, task)
    doctor = g2d.doctor(model, task)
    assert doctor.student is method.student
    again = g2d.doctor(model, task)
    method = g2d.OGM(model, task)  # makes a student anew
    batch = small.batch(names, task)
    small.step(method, small.sgd(model), batch)
    for one in (doctor, again):
        with pytest.raises(g2d.UserError, match=r"after loss\.backward"):
            one.watch(batch)  # the pass was seen, and its gradients are gone
