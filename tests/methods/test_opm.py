"""OPM against its equations, and what its dropping may and may not do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import g2d
from g2d.methods.opm import OPM, drop_rates
from g2d.models.fusion import FiLMFusion, UnimodalHeads
from methods.small import NAMES, TASKS, batch, sgd, student
from reference import g2d as networks
from reference import opm as paper

CLASSES = TASKS["classification"]
EPOCHS, BATCHES = 4, 3


def started(
    names: tuple[str, ...], task: g2d.Task = CLASSES, fusion: Any = g2d.LateFusion, **options: Any
) -> tuple[OPM, g2d.MultimodalModel]:
    model = student(names, task.outputs, fusion)
    method = OPM(model, task, **options)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=EPOCHS))
    return method, model


def drawn(generator: torch.Generator, names: list[str], size: int) -> paper.Noise:
    """A number for the step, then those of every modality in alphabetical order."""
    step = torch.rand((), generator=generator).item()
    return paper.Noise(
        step, {m: torch.rand(size, generator=generator).tolist() for m in sorted(names)}
    )


PLANS = {
    "as it is": paper.Plan(0.5, 0.5, 0.7, rescale=True, warmup=1),
    "always, unscaled": paper.Plan(0.8, 1.0, 1.0, rescale=False, warmup=0),
    "everything": paper.Plan(1.0, 2.0, 1.0, rescale=True, warmup=0),
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
    generator = torch.Generator().manual_seed(0)
    samples, noises = [], []
    for epoch, batches in enumerate(epochs):
        for place, data in enumerate(batches):
            inputs = {m: data.input_of(m) for m in names}
            present = {m: mask.tolist() for m, mask in data.present.items()}
            samples.append(networks.Sample(epoch + 1, inputs, data.target, present))
            acts = epoch >= plan.warmup and (epoch, place) != (0, 0)
            noises.append(drawn(generator, list(names), len(data)) if acts else None)
    regression = isinstance(task, g2d.Regression)
    scale = {"low": task.low, "high": task.high, "std": task.std} if regression else {}
    expected = iter(
        paper.train(
            networks.Task(kind, **scale),
            plan,
            {key: value.clone() for key, value in model.state_dict().items()},
            [key for key, _ in model.named_parameters()],
            samples,
            noises,
            networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
        )
    )
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            loss, rates, params = next(expected)
            assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
            assert {m: float(q) for m, q in method.rates.items()} == pytest.approx(rates, abs=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=1e-4, atol=2e-6, msg=key
                )


def test_only_what_is_above_the_others_is_dropped_and_the_weakest_never() -> None:
    scores = {"sound": torch.tensor(0.8), "image": torch.tensor(0.5), "depth": torch.tensor(0.2)}
    rates = drop_rates(scores, 0.5, 0.5)
    assert rates["sound"] > rates["image"] > 0
    assert rates["depth"] == 0
    even = {name: torch.tensor(0.4) for name in scores}
    assert all(rate == 0 for rate in drop_rates(even, 0.5, 0.5).values())


def test_a_modality_that_nobody_has_decides_nothing() -> None:
    nan = torch.tensor(torch.nan)
    two = drop_rates({"sound": torch.tensor(0.6), "image": torch.tensor(0.3)}, 0.5, 0.5)
    three = drop_rates(
        {"sound": torch.tensor(0.6), "gas": nan, "image": torch.tensor(0.3)}, 0.5, 0.5
    )
    assert three == {"gas": torch.tensor(0.0), **two}


def test_features_are_dropped_as_often_as_the_rate_says() -> None:
    method, _ = started(("sound", "image"), step_rate=1.0)
    method.on_epoch_start(1)
    method.rates = {"sound": torch.tensor(0.3), "image": torch.tensor(0.0)}
    factors = method.drop({"sound": 2, "image": 2}, 20_000)
    kept = factors["sound"] > 0
    assert kept.float().mean().item() == pytest.approx(0.7, abs=0.01)
    scale = torch.full((20_000, 1), 1 / (1 - 0.15))
    torch.testing.assert_close(factors["sound"], kept * scale)
    torch.testing.assert_close(factors["image"], scale)


def test_steps_are_spared_as_often_as_the_step_rate_says() -> None:
    method, _ = started(("sound", "image"), step_rate=0.4)
    method.rates = {"sound": torch.tensor(0.3), "image": torch.tensor(0.0)}
    steps = []
    for _ in range(2000):
        method.on_epoch_start(1)  # a new step
        factors = method.drop({"sound": 2, "image": 2}, 1)
        steps.append(bool(factors["image"] > 1))
    assert sum(steps) / len(steps) == pytest.approx(0.4, abs=0.04)


def test_no_sample_is_left_with_nothing() -> None:
    method, _ = started(("sound", "image"), step_rate=1.0, rescale=False)
    method.on_epoch_start(1)
    method.rates = {"sound": torch.tensor(1.0), "image": torch.tensor(0.0)}
    present = {"image": torch.tensor([True, False])}
    factors = method.drop({"sound": 3, "image": 3}, 2, present)
    assert factors["sound"].tolist() == [[0.0], [1.0]]


def test_nothing_is_dropped_in_evaluation_or_in_the_warmup() -> None:
    names = ("sound", "image")
    method, model = started(names, step_rate=1.0, warmup=2)
    data = batch(names, CLASSES)
    method.rates = dict.fromkeys(names, torch.tensor(0.9))
    for epoch, training, same in [(1, True, True), (2, True, False), (2, False, True)]:
        method.on_epoch_start(epoch)
        model.train(training)
        outputs = model(data)
        logits, unimodal = model.fusion.forward(outputs.features)  # unchanged
        assert torch.equal(outputs.logits, logits) == same
        assert torch.equal(outputs.unimodal["sound"], unimodal["sound"])


def test_the_noise_goes_on_where_it_was() -> None:
    names = ("sound", "image")
    batches = [batch(names, CLASSES, seed=s) for s in range(6)]
    method, model = started(names)
    losses = []
    for place, data in enumerate(batches):
        if place == 3:
            weights = {key: value.clone() for key, value in model.state_dict().items()}
            saved = method.state_dict()
            saved = {"rates": dict(saved["rates"]), "generator": saved["generator"].clone()}
            method.loop.optimizer.state.clear()
        method.on_epoch_start(1)
        losses.append(method.step(data).item())
    again, model = started(names)
    model.load_state_dict(weights)
    again.load_state_dict(saved)
    again.on_epoch_start(1)
    assert [again.step(data).item() for data in batches[3:]] == losses[3:]


def test_other_fusions_have_heads_that_watch_what_is_not_dropped() -> None:
    names = ("sound", "image")
    method, model = started(names, fusion=FiLMFusion, step_rate=1.0, warmup=0)
    assert isinstance(model.fusion, UnimodalHeads)
    data = batch(names, CLASSES)
    before = model.fusion.heads["sound"].weight.clone()
    method.on_epoch_start(0)
    method.step(data)
    assert not torch.equal(model.fusion.heads["sound"].weight, before)
    method.rates = dict.fromkeys(names, torch.tensor(1.0))
    outputs = model(data)
    expected = model.fusion.heads["sound"](outputs.features["sound"])
    torch.testing.assert_close(outputs.unimodal["sound"], expected)


@pytest.mark.parametrize(
    "wrong", [{"drop_rate": 1.5}, {"step_rate": -0.1}, {"gain": -1.0}, {"warmup": -1}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(g2d.UserError, match=next(iter(wrong))):
        started(NAMES[:2], **wrong)
