"""MSLR: rates that follow validation, groups of parameters, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import g2d
from g2d.engine.settings import TrainingSettings
from g2d.methods.mslr import MSLR
from g2d.models.fusion import ConcatFusion
from methods.catalogued import fitted, recipe, splits, state
from methods.small import NAMES, TASKS, batch, same, student, weights
from reference import mslr as formula
from reference.g2d import SGD, Task

CLASSES = TASKS["classification"]
ACCURACY = {
    "sound": [0.2, 0.3, 0.5, 0.4, 0.45, 0.1],
    "image": [0.5, 0.55, 0.6, 0.7, 0.7, 0.75],
    "depth": [0.1, 0.1, 0.9, 0.1, 0.0, 0.2],
}
RATES = {"sound": 1.5, "image": 0.5}


def sgd(method: MSLR) -> torch.optim.Optimizer:
    groups = method.parameter_groups()
    return torch.optim.SGD(groups, lr=0.05, momentum=0.9, weight_decay=0.02)


def started(
    model: g2d.MultimodalModel, task: g2d.Task = CLASSES, **options: Any
) -> tuple[MSLR, torch.optim.Optimizer]:
    method = MSLR(model, task, **options)
    optimizer = sgd(method)
    method.on_fit_start(g2d.Loop(optimizer))
    return method, optimizer


def measured(names: tuple[str, ...], epoch: int) -> dict[str, Any]:
    accuracy = {name: ACCURACY[name][epoch] for name in names}
    return {"accuracy": {"fused": 0.5, **accuracy}, "loss": {"fused": 1.0}}


@pytest.mark.parametrize("target", ["rate", "gradient"])
@pytest.mark.parametrize("strategy", ["keep", "dynamic"])
@pytest.mark.parametrize("k", [2, 3])
def test_training_follows_the_formulas(k: int, strategy: str, target: str) -> None:
    names = NAMES[:k]
    model = student(names, CLASSES.outputs)
    epochs = [[batch(names, CLASSES, seed=10 * e + s) for s in range(2)] for e in range(6)]
    moving = strategy == "dynamic"
    ratio = {n: formula.ratios(ACCURACY[n], 2, 0.2, 5.0) if moving else [1.0] * 6 for n in names}
    expected = formula.train(
        Task("classification"),
        weights(model),
        [key for key, _ in model.named_parameters()],
        [[(data.inputs, data.target) for data in batches] for batches in epochs],
        [{n: RATES.get(n, 1.0) * ratio[n][e] for n in names} for e in range(6)],
        target == "gradient",
        SGD(rate=0.05, momentum=0.9, decay=0.02),
    )
    method, _ = started(
        model, strategy=strategy, rates=RATES, history=2, bounds=(0.2, 5.0), target=target
    )
    for epoch, batches in enumerate(epochs):
        model.train()
        method.on_epoch_start(epoch)
        losses, params = expected[epoch]
        assert [float(method.step(data)) for data in batches] == pytest.approx(losses, rel=1e-4)
        for key, value in model.named_parameters():
            torch.testing.assert_close(
                value.detach().double(), params[key], rtol=1e-4, atol=2e-6, msg=key
            )
        method.on_validation_end(measured(names, epoch))


def test_the_case_meets_both_bounds_and_an_accuracy_of_nothing() -> None:
    """Or the test above would not show what happens there."""
    found = formula.ratios(ACCURACY["depth"], 2, 0.2, 5.0)
    assert found == [1.0, 1.0, 1.0, 5.0, 0.2, 0.2, pytest.approx(4.0)]


def test_the_same_accuracy_again_and_again_leaves_the_rates() -> None:
    names = NAMES[:3]
    method, optimizer = started(student(names, CLASSES.outputs))
    for epoch in range(9):
        method.on_epoch_start(epoch)
        assert [group["lr"] for group in optimizer.param_groups] == [0.05] * 4
        method.on_validation_end({"accuracy": {"fused": 0.1 * epoch, **dict.fromkeys(names, 0.3)}})


def test_an_accuracy_above_nothing_at_all_is_no_ratio() -> None:
    names = NAMES[:2]
    method, _ = started(student(names, CLASSES.outputs), history=2)
    for value in (0.0, 0.0, 0.4):
        method.on_validation_end({"accuracy": {"sound": value, "image": 0.5}})
    assert method.factor("sound") == 1


def test_rates_follow_the_schedule_and_a_checkpoint() -> None:
    """Closed form: η(e) c_m r_m, with η halved after every epoch; resumed after the third."""
    names = NAMES[:2]
    options = {"rates": RATES, "history": 1}

    def begun() -> Any:
        method, optimizer = started(student(names, CLASSES.outputs), **options)
        return method, optimizer, torch.optim.lr_scheduler.ExponentialLR(optimizer, 0.5)

    method, optimizer, scheduler = begun()
    for epoch in range(5):
        if epoch == 3:
            saved = (method.state_dict(), optimizer.state_dict(), scheduler.state_dict())
            method, optimizer, scheduler = begun()
            for part, values in zip((method, optimizer, scheduler), saved, strict=True):
                part.load_state_dict(values)
        method.on_epoch_start(epoch)
        base = 0.05 * 0.5**epoch
        ratio = {n: formula.ratios(ACCURACY[n], 1, 0.1, 10.0)[epoch] for n in names}
        wanted = [base, *(base * RATES[n] * ratio[n] for n in names)]
        assert [group["lr"] for group in optimizer.param_groups] == pytest.approx(wanted)
        optimizer.step()
        scheduler.step()
        method.on_validation_end(measured(names, epoch))


@pytest.mark.parametrize("schedule", ["step", "cosine", "plateau"])
def test_the_engines_schedules_act_on_all_rates(schedule: str) -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs)
    settings = TrainingSettings(epochs=6, learning_rate=0.1, lr_schedule=schedule)
    method = MSLR(model, CLASSES, strategy="keep", rates=RATES)
    optimizer = settings.make_optimizer(method.parameter_groups())
    alone = settings.make_optimizer(model.parameters())
    method.on_fit_start(g2d.Loop(optimizer))
    schedulers = [settings.make_scheduler(optimizer), settings.make_scheduler(alone)]
    for epoch in range(6):
        method.on_epoch_start(epoch)
        rate = alone.param_groups[0]["lr"]
        found = [group["lr"] for group in optimizer.param_groups]
        assert found == pytest.approx([rate, 1.5 * rate, 0.5 * rate])
        for one in (optimizer, alone):
            one.step()
        for one in schedulers:
            one.step(*[1.0] if schedule == "plateau" else [])


def test_gradients_are_left_alone() -> None:
    names = NAMES[:2]
    model, data = student(names, CLASSES.outputs), batch(names, CLASSES)
    method, _ = started(model, rates=RATES)
    method.loss(model(data), data).backward()
    before = [p.grad.clone() for p in model.parameters()]
    method.adjust_gradients()
    assert all(torch.equal(p.grad, old) for p, old in zip(model.parameters(), before, strict=True))


@pytest.mark.parametrize("fusion", [g2d.LateFusion, ConcatFusion])
def test_every_parameter_is_in_one_group(fusion: Any) -> None:
    names = NAMES[:3]
    model = student(names, CLASSES.outputs, fusion)
    shared, *own = MSLR(model, CLASSES).parameter_groups()
    found = [id(p) for group in (shared, *own) for p in group["params"]]
    assert sorted(found) == sorted(id(p) for p in model.parameters())
    beside = [] if fusion is g2d.LateFusion else list(model.fusion.parameters())
    assert [id(p) for p in shared["params"]] == [id(p) for p in beside]


def test_rates_of_1_are_joint_training_bit_for_bit() -> None:
    options = {"strategy": "keep", "rates": {"near": 1.0}}
    found = state(fitted(recipe("mslr", 2, options, clip_norm=0.1), splits(2)))
    assert same(found, state(fitted(recipe("joint", 2, clip_norm=0.1), splits(2))))


def test_where_less_is_better_the_inverse_loss_is_followed() -> None:
    task, names = TASKS["regression"], NAMES[:2]
    method, _ = started(student(names, 1), task, history=1)
    for loss in (0.5, 0.25):
        rmse = {"fused": 1.0, "sound": 3.0, "image": 3.0}
        method.on_validation_end({"rmse": rmse, "loss": {"sound": loss, "image": 0.5}})
    assert method.factor("sound") == pytest.approx(2)
    assert method.factor("image") == 1
    assert method.stage() == "sound ×2.00"


def test_validation_of_the_fused_prediction_alone_is_said(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """Without a word the rates would never change: joint training in the name of MSLR."""
    method, _ = started(student(NAMES[:2], CLASSES.outputs), strategy="dynamic")
    method.on_validation_end({"accuracy": {"fused": 0.5}, "loss": {"fused": 1.0}})
    assert "so the rates stay" in caplog.text


def test_an_optimizer_of_other_groups_is_refused() -> None:
    model = student(NAMES[:2], CLASSES.outputs)
    method = MSLR(model, CLASSES)
    method.on_fit_start(g2d.Loop(torch.optim.SGD(model.parameters(), lr=0.1)))
    with pytest.raises(g2d.UserError, match=r"has 1 groups of parameters, expected 3"):
        method.on_epoch_start(0)


def test_rates_of_modalities_that_are_not_there_are_refused() -> None:
    with pytest.raises(g2d.UserError, match=r"rates is given for \['taste'\]"):
        MSLR(student(NAMES[:2], 4), CLASSES, rates={"taste": 2.0}).parameter_groups()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"strategy": "smooth"}, "strategy: expected keep or dynamic"),
        ({"target": "weights"}, "target: expected rate or gradient"),
        ({"rates": {"sound": 0.0}}, r"rates.sound must be above 0"),
        ({"history": 0}, "history must be 1 or more"),
        ({"bounds": (2.0, 10.0)}, "bounds are a lowest ratio above 0"),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(g2d.UserError, match=words):
        MSLR(student(NAMES[:2], 4), CLASSES, **options)
