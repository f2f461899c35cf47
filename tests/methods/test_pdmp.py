"""PDMP against its rule, and who is dominant."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.methods.pdmp import PDMP
from g2d.models.fusion import FiLMFusion, LateFusion
from g2d.recipes.method_options import OF_TEACHERS
from g2d.recipes.planning import plan_method
from g2d.teachers.confidence import batch_confidence
from methods.catalogued import recipe
from methods.small import NAMES, TASKS, bank, batch, sgd, student
from reference import pdmp as paper

CLASSES = TASKS["classification"]
SURE = {"sound": 0.4, "image": 0.9, "depth": 0.6}


def linear_student(k: int) -> g2d.MultimodalModel:
    torch.manual_seed(3)
    widths = {name: 2 + i for i, name in enumerate(NAMES[:k])}
    encoders = {name: nn.Linear(6, width) for name, width in widths.items()}
    return g2d.MultimodalModel(encoders, LateFusion(widths, 4))


def samples(k: int, seed: int) -> g2d.Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(5, 6, generator=generator) for name in NAMES[:k]}
    return g2d.Batch(inputs, torch.randint(4, (5,), generator=generator), torch.arange(5))


def told(method: PDMP) -> PDMP:
    method.on_fit_start(g2d.Loop(torch.optim.SGD(method.parameter_groups(), lr=0.1)))
    return method


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("gammas", [(2.0, 0.5), (1.5, 0.0), (1.0, 0.3)])
def test_equals_the_reference_over_several_steps(k: int, gammas: tuple[float, float]) -> None:
    model, sure = linear_student(k), {name: SURE[name] for name in NAMES[:k]}
    params: dict[str, Tensor] = {}
    for name in NAMES[:k]:
        for part in ("weight", "bias"):
            for role, module in (("encoder", model.encoders), ("head", model.fusion.heads)):
                params[f"{role}.{name}.{part}"] = getattr(module[name], part).detach().clone()
    batches = [samples(k, seed) for seed in range(6)]
    expected, last = paper.train(
        params, [(b.inputs, b.target.tolist()) for b in batches], sure, *gammas, rate=0.1
    )
    teachers = bank(NAMES[:k], CLASSES)
    options = dict(zip(("gamma_p", "gamma_r"), gammas, strict=True))
    method = told(PDMP(model, CLASSES, teachers, confidence=sure, **options))
    assert [float(method.step(data)) for data in batches] == pytest.approx(expected, rel=1e-5)
    for key, value in last.items():
        role, name, part = key.split(".")
        module = model.encoders if role == "encoder" else model.fusion.heads
        found = getattr(module[name], part).double()
        torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-6)


def fresh(k: int, task: g2d.Task = CLASSES) -> g2d.MultimodalModel:
    return student(NAMES[:k], task.outputs, seed=4)


def factors(method: PDMP, *batches: g2d.Batch) -> dict[str, float]:
    """How much of each encoder's gradient is left."""
    model = method.student.net
    model.zero_grad()
    assert method.active() is None
    for data in batches:
        method.loss(model(data), data).backward()
    before = {name: e[0].weight.grad.clone() for name, e in model.encoders.items()}
    heads = {key: p.grad.clone() for key, p in model.fusion.named_parameters()}
    method.adjust_gradients()
    assert all(torch.equal(p.grad, heads[key]) for key, p in model.fusion.named_parameters())
    after = {name: e[0].weight.grad for name, e in model.encoders.items()}
    for name, value in before.items():
        factor = after[name].norm() / value.norm()
        torch.testing.assert_close(after[name], factor * value)
    return {name: round(float(after[name].norm() / before[name].norm()), 5) for name in before}


@pytest.mark.parametrize("kind", TASKS)
def test_the_surest_teacher_decides_for_every_task(kind: str) -> None:
    task = TASKS[kind]
    teachers = bank(NAMES[:3], task)
    method = PDMP(fresh(3, task), task, teachers, confidence=SURE, gamma_p=3.0, gamma_r=0.25)
    assert factors(method, batch(NAMES[:3], task)) == {"sound": 0.25, "image": 3.0, "depth": 0.25}
    assert method.stage() == "image dominant"


def test_equals_lead_together() -> None:
    sure = {"sound": 0.9, "image": 0.5, "depth": 0.9}
    method = PDMP(fresh(3), CLASSES, bank(NAMES[:3], CLASSES), confidence=sure)
    assert factors(method, batch(NAMES[:3], CLASSES)) == {"sound": 2.0, "image": 0.5, "depth": 2.0}


def test_without_a_measured_ranking_the_step_decides() -> None:
    teachers = bank(NAMES[:3], CLASSES)
    method, leaders = PDMP(fresh(3), CLASSES, teachers), set()
    for seed in range(8):
        data = batch(NAMES[:3], CLASSES, seed=seed)
        found = batch_confidence(teachers, [data])
        best = max(found, key=lambda name: float(found[name]))
        leaders.add(best)
        assert factors(method, data) == {n: 2.0 if n == best else 0.5 for n in NAMES[:3]}
    assert len(leaders) > 1
    assert method.stage() == "strongest of each batch"


def test_all_batches_of_a_step_decide_together() -> None:
    teachers = bank(NAMES[:2], CLASSES)
    parts = [batch(NAMES[:2], CLASSES, seed=seed) for seed in range(3)]
    found = batch_confidence(teachers, parts)
    best = max(found, key=lambda name: float(found[name]))
    expected = {name: 2.0 if name == best else 0.5 for name in NAMES[:2]}
    assert factors(PDMP(fresh(2), CLASSES, teachers), *parts) == expected


def test_who_is_absent_cannot_lead() -> None:
    teachers, data = bank(NAMES[:2], CLASSES), batch(NAMES[:2], CLASSES)
    model = fresh(2)
    method = PDMP(model, CLASSES, teachers)
    for name in NAMES[:2]:
        data.present = {name: torch.zeros(6, dtype=torch.bool)}
        method.loss(model(data), data)
        other = {"sound": "image", "image": "sound"}[name]
        assert {n: float(f) for n, f in method._factors().items()} == {name: 0.5, other: 2.0}


def test_a_checkpoint_keeps_the_ranking() -> None:
    teachers = bank(NAMES[:3], CLASSES)
    again = PDMP(fresh(3), CLASSES, teachers, confidence=dict.fromkeys(NAMES[:3], 0.5))
    again.load_state_dict(PDMP(fresh(3), CLASSES, teachers, confidence=SURE).state_dict())
    assert again.stage() == "image dominant"


def test_any_fusion_learns() -> None:
    model = student(NAMES[:3], 4, FiLMFusion)
    method = PDMP(model, CLASSES, bank(NAMES[:3], CLASSES), confidence=SURE)
    method.on_fit_start(g2d.Loop(sgd(model)))
    losses = [float(method.step(batch(NAMES[:3], CLASSES, missing=True))) for _ in range(30)]
    assert losses[-1] < losses[0]


def planned(**options: Any) -> dict[str, Any]:
    return plan_method(recipe("pdmp", 2, options), ("near", "far")).options


def test_a_recipe_ranks_and_has_no_stages() -> None:
    assert planned() == {"gamma_p": 2.0, "gamma_r": 0.5, "rank_by": "heldout", **OF_TEACHERS}
    assert planned(rank_by=["near", "far"])["rank_by"] == ["near", "far"]
    with pytest.raises(g2d.UserError, match=r"method\.schedule: no such option; known: .*rank_by"):
        planned(schedule=[2, 2])
    with pytest.raises(g2d.UserError, match=r"method\.rank_by: expected speed, heldout"):
        planned(rank_by="far")
    with pytest.raises(g2d.UserError, match="orders the modalities by itself"):
        plan_method(recipe("pdmp+smp", 2, {"schedule": [1, 3]}), ("near", "far"))


def test_refuses_options_without_meaning() -> None:
    teachers = bank(NAMES[:2], CLASSES)
    with pytest.raises(g2d.UserError, match="gamma_p must be 0 or more"):
        PDMP(fresh(2), CLASSES, teachers, gamma_p=-1.0)
    with pytest.raises(g2d.UserError, match="gamma_r must be 0 or more"):
        PDMP(fresh(2), CLASSES, teachers, gamma_r=float("nan"))
    with pytest.raises(g2d.UserError, match=r"confidence is given for \['sound'\]"):
        PDMP(fresh(2), CLASSES, teachers, confidence={"sound": 0.5})
