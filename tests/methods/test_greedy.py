"""Greedy against its equations, and the steps that re-balance."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import g2d
from g2d.methods.greedy import Greedy
from g2d.methods.heads.greedy import CrossGates
from methods.small import NAMES, TASKS, WIDTHS, batch, encoder, sgd, student
from reference import g2d as networks
from reference import greedy as paper

CLASSES = TASKS["classification"]
EPOCHS, BATCHES = 4, 4


def started(
    names: tuple[str, ...], task: g2d.Task = CLASSES, **options: Any
) -> tuple[Greedy, g2d.MultimodalModel]:
    torch.manual_seed(0)
    encoders = {name: encoder(name) for name in names}
    late = g2d.LateFusion({name: WIDTHS[name] for name in names}, task.outputs)
    model = g2d.MultimodalModel(encoders, late)
    method = Greedy(model, task, **options)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=EPOCHS))
    return method, model


def closed(model: g2d.MultimodalModel) -> str | None:
    """Whose gate is the mean one in the next step."""
    assert isinstance(model.fusion, CrossGates)
    who = [name for name, flag in (model.fusion.averaged or {}).items() if flag]
    assert len(who) <= 1
    return who[0] if who else None


PLANS = {
    "as it is": paper.Plan(tolerance=0.01, window=5, warmup=1),
    "short windows": paper.Plan(tolerance=0.0, window=1, warmup=0),
    "tolerant": paper.Plan(tolerance=0.3, window=2, warmup=1),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", TASKS)
@pytest.mark.parametrize("name", PLANS)
def test_training_follows_the_equations(name: str, kind: str, missing: bool, k: int) -> None:
    task, names, plan = TASKS[kind], NAMES[:k], PLANS[name]
    method, model = started(names, task, **vars(plan))
    epochs = [
        [batch(names, task, seed=10 * e + s, missing=missing) for s in range(BATCHES)]
        for e in range(EPOCHS)
    ]
    regression = isinstance(task, g2d.Regression)
    scale = {"low": task.low, "high": task.high, "std": task.std} if regression else {}
    expected = iter(
        paper.train(
            networks.Task(kind, **scale),
            plan,
            {key: value.clone() for key, value in model.state_dict().items()},
            [key for key, _ in model.named_parameters()],
            [
                networks.Sample(
                    epoch + 1,
                    {m: data.input_of(m) for m in names},
                    data.target,
                    {m: mask.tolist() for m, mask in data.present.items()},
                )
                for epoch, batches in enumerate(epochs)
                for data in batches
            ],
            networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
        )
    )
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            step = next(expected)
            assert closed(model) == step.closed
            assert method.step(data).item() == pytest.approx(step.loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), step.params[key], rtol=1e-4, atol=1e-5, msg=key
                )


def whose(k: int, steps: int, **options: Any) -> list[str | None]:
    """Whose gate is the mean one, step by step, in one epoch after the warm-up."""
    names = NAMES[:k]
    method, model = started(names, **options)
    found = []
    method.on_epoch_start(1)
    for seed in range(steps):
        found.append(closed(model))
        method.step(batch(names, CLASSES, seed=seed))
    return found


@pytest.mark.parametrize("k", [2, 3])
def test_windows_are_as_long_as_asked_and_a_regular_step_lies_between(k: int) -> None:
    found = whose(k, 13, tolerance=0.0, window=3)
    for place, who in enumerate(found):
        assert (who is None) == (place % 4 == 0), place
    assert found[1] == found[2] == found[3]


def test_within_the_tolerance_and_the_warmup_nothing_is_closed() -> None:
    assert set(whose(2, 8, tolerance=1e6)) == {None}
    assert set(whose(2, 8, tolerance=0.0, warmup=2)) == {None}


def test_who_is_told_nothing_does_not_change_how_it_is_told() -> None:
    """Its excitation gets no gradient, and the others' do."""
    names = NAMES[:2]
    method, model = started(names, tolerance=0.0, window=5)
    method.on_epoch_start(1)
    method.step(batch(names, CLASSES, seed=0))
    data = batch(names, CLASSES, seed=1)
    who = closed(model)
    assert who is not None
    method.loss(model(data), data).backward()
    for name in names:
        gradient = model.fusion.excite[name].weight.grad
        assert (gradient == 0).all() == (name == who)


def test_a_resumed_window_ends_where_it_would_have() -> None:
    names = NAMES[:2]
    batches = [batch(names, CLASSES, seed=s) for s in range(8)]
    method, model = started(names, tolerance=0.0, window=4)
    method.on_epoch_start(1)
    found = []
    for place, data in enumerate(batches):
        if place == 3:
            saved = {key: value.clone() for key, value in method.state_dict().items()}
            weights = {key: value.clone() for key, value in model.state_dict().items()}
            method.loop.optimizer.state.clear()
        found.append((closed(model), method.step(data).item()))
    again, model = started(names, tolerance=0.0, window=4)
    model.load_state_dict(weights)
    again.load_state_dict(saved)
    again.on_epoch_start(1)
    assert [(closed(model), again.step(data).item()) for data in batches[3:]] == found[3:]


def test_a_step_of_two_batches_counts_the_gates_of_both() -> None:
    names = NAMES[:2]
    method, model = started(names)
    first, second = (batch(names, CLASSES, seed=s) for s in (0, 1))
    gates = []
    for data in (first, second):
        gates.append(model.fusion.gates(model(data).features)["sound"])
    method.step(first, second)
    assert method.state_dict()["counts"].tolist() == [12.0, 12.0]
    expected = torch.cat(gates).sum(dim=0).detach()
    torch.testing.assert_close(method.state_dict()["sums"][: WIDTHS["sound"]], expected)


def test_other_fusions_are_refused() -> None:
    with pytest.raises(g2d.UserError, match="late fusion"):
        Greedy(student(NAMES[:2], 4, g2d.models.fusion.ConcatFusion), CLASSES)


@pytest.mark.parametrize(
    "wrong", [{"tolerance": -0.1}, {"window": -1}, {"warmup": -1}, {"reduction": 0.0}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(g2d.UserError, match=next(iter(wrong))):
        Greedy(student(NAMES[:2], 4), CLASSES, **wrong)
