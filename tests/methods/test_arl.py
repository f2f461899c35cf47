"""ARL against its equations, its coefficients, and where it does nothing."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.functional.arl import arl_coefficients, arl_entropies
from g2d.methods.arl import ARL
from g2d.models.fusion import FiLMFusion, LateFusion, UnimodalHeads
from methods.small import NAMES, TASKS, batch, sgd, student, weights
from reference import arl as paper

CLASSES = TASKS["classification"]


def linear_student(k: int) -> g2d.MultimodalModel:
    torch.manual_seed(3)
    widths = {name: 2 + i for i, name in enumerate(NAMES[:k])}
    encoders = {name: nn.Linear(6, width) for name, width in widths.items()}
    model = g2d.MultimodalModel(encoders, LateFusion(widths, 4))
    with torch.no_grad():  # one modality is loud, or the coefficients would hardly differ
        model.fusion.heads[NAMES[0]].weight.mul_(4)
    return model


def samples(k: int, seed: int) -> g2d.Batch:
    generator = torch.Generator().manual_seed(seed)
    inputs = {name: torch.randn(5, 6, generator=generator) for name in NAMES[:k]}
    return g2d.Batch(inputs, torch.randint(4, (5,), generator=generator), torch.arange(5))


def started(model: g2d.MultimodalModel, lr: float = 0.1, epochs: int = 4, **options: Any) -> ARL:
    method = ARL(model.train(), CLASSES, **options)
    optimizer = torch.optim.SGD(method.parameter_groups(), lr=lr)
    method.on_fit_start(g2d.Loop(optimizer, epochs=epochs))
    return method


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("gamma", [0.5, 4.0])
@pytest.mark.parametrize("floor", [0.6, 0.0])
def test_equals_the_reference_over_warm_up_and_after(k: int, gamma: float, floor: float) -> None:
    model = linear_student(k)
    params: dict[str, Tensor] = {}
    for name in NAMES[:k]:
        for part in ("weight", "bias"):
            for role, module in (("encoder", model.encoders), ("head", model.fusion.heads)):
                params[f"{role}.{name}.{part}"] = getattr(module[name], part).detach().clone()
    plan = paper.Plan(gamma, temperature=8.0, warm=1, floor=floor)
    batches = [(epoch, samples(k, 2 * epoch + i)) for epoch in range(4) for i in range(2)]
    expected, last = paper.train(
        params, [(e, b.inputs, b.target.tolist()) for e, b in batches], plan, rate=0.02
    )
    method = started(model, lr=0.02, gamma=gamma, warmup=0.25, floor=floor)
    losses = []
    for epoch, data in batches:
        method.on_epoch_start(epoch)
        losses.append(float(method.step(data)))
    assert losses == pytest.approx(expected, rel=1e-5)
    for key, value in last.items():
        role, name, part = key.split(".")
        module = model.encoders if role == "encoder" else model.fusion.heads
        found = getattr(module[name], part).double()
        torch.testing.assert_close(found, value, rtol=1e-4, atol=1e-6)


def official(entropy: tuple[float, float], size: tuple[float, float], t: float) -> list[float]:
    """Two modalities, as the published code has it."""
    h = [max(value / sum(entropy), 0.3) for value in entropy]
    q = [(1 / value) / (1 / h[0] + 1 / h[1]) for value in h]
    d = [value / sum(size) for value in size]
    powers = [math.exp(t * d[1] * q[0]), math.exp(t * d[0] * q[1])]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("entropy", [(1.0, 1.0), (0.1, 1.2), (0.9, 0.5)])
@pytest.mark.parametrize("size", [(1.0, 1.0), (5.0, 1.0), (1.0, 9.0)])
def test_two_modalities_are_weighted_as_published(
    entropy: tuple[float, float], size: tuple[float, float]
) -> None:
    found = arl_coefficients(torch.tensor(entropy), torch.tensor(size), 8.0, 0.6)
    assert found.tolist() == pytest.approx(official(entropy, size, 8.0), rel=1e-5)


@pytest.mark.parametrize("k", [2, 3, 4])
def test_nobody_is_favoured_where_reliance_is_the_inverse_of_variance(k: int) -> None:
    entropy = torch.linspace(0.8, 1.2, k)
    found = arl_coefficients(entropy, 7 / entropy, 8.0, 0.6)
    torch.testing.assert_close(found, torch.full((k,), 1 / k))
    more = 7 / entropy
    more[0] *= 2  # relied on too much
    assert arl_coefficients(entropy, more, 8.0, 0.6).argmin() == 0
    surer = entropy.clone()
    surer[-1] *= 0.8  # deserves more than it has
    assert arl_coefficients(surer, 7 / entropy, 8.0, 0.6).argmax() == k - 1


def test_the_coefficients_follow_the_modalities() -> None:
    entropy, size = torch.tensor([0.3, 0.8, 1.2]), torch.tensor([4.0, 1.0, 2.0])
    there = arl_coefficients(entropy, size, 8.0, 0.6)
    back = arl_coefficients(entropy.flip(0), size.flip(0), 8.0, 0.6)
    torch.testing.assert_close(there.flip(0), back)
    assert float(there.sum()) == pytest.approx(1)


def test_unknown_and_certain_modalities_leave_it_finite() -> None:
    nan = torch.nan
    for entropy in ([1.0, nan, 0.5], [0.0, 0.0, 0.0], [nan, nan, nan]):
        assert arl_coefficients(
            torch.tensor(entropy), torch.tensor([nan, 1.0, 0.0]), 8.0, 0.0
        ).sum()


def test_entropy_of_labels_is_the_sum_over_labels() -> None:
    logits = torch.tensor([[0.3, -2.0, 40.0]])
    p = [1 / (1 + math.exp(-value)) for value in logits[0].tolist()]
    expected = sum(-x * math.log(x) - (1 - x) * math.log(1 - x) for x in p if x < 1)
    assert arl_entropies(TASKS["multilabel"], logits).item() == pytest.approx(expected, rel=1e-5)


def test_only_encoders_are_modulated_and_the_sum_of_the_extra_is_one() -> None:
    gradients = {}
    for modulate in (False, True):
        model, data = linear_student(3), samples(3, 0)
        method = started(model, warmup=0.0, modulate=modulate)
        method.loss(model(data), data).backward()
        method.adjust_gradients()
        gradients[modulate] = {key: p.grad for key, p in model.named_parameters()}
    extra = 0.0
    for key, value in gradients[False].items():
        factor = gradients[True][key].norm() / value.norm()
        torch.testing.assert_close(gradients[True][key], value * factor)
        if key.startswith("fusion"):
            assert float(factor) == pytest.approx(1)
        elif key.endswith("weight"):
            assert 1 < float(factor) < 2
            extra += float(factor) - 1
    assert extra == pytest.approx(1, rel=1e-5)


def test_a_step_of_two_batches_is_that_of_both_in_one() -> None:
    after = []
    for parts in (1, 2):
        model, whole = linear_student(2), samples(2, 0)
        half = g2d.Batch({n: x[:2] for n, x in whole.inputs.items()}, whole.target[:2], whole.index)
        rest = g2d.Batch({n: x[2:] for n, x in whole.inputs.items()}, whole.target[2:], whole.index)
        method = started(model, warmup=0.0)
        method.step(*([whole] if parts == 1 else [half, rest]))
        after.append(weights(model))
    for key, value in after[0].items():
        torch.testing.assert_close(after[1][key], value)


def test_absent_samples_say_nothing() -> None:
    """The coefficients are those of the samples that have the modality."""
    model, data = student(NAMES[:3], 4), batch(NAMES[:3], CLASSES, missing=True)
    method, outputs = started(model, warmup=0.0), model(data)
    method.loss(outputs, data).backward()
    before = {name: e[0].weight.grad.clone() for name, e in model.encoders.items()}
    method.adjust_gradients()
    logits = {
        name: value[data.present.get(name, torch.ones(6, dtype=torch.bool))].tolist()
        for name, value in outputs.unimodal.items()
    }
    expected = paper.weights(logits, paper.Plan(4.0, 8.0, 0, 0.6))
    for name, encoder in model.encoders.items():
        torch.testing.assert_close(encoder[0].weight.grad, before[name] * (1 + expected[name]))


def test_warm_up_is_a_share_of_the_epochs() -> None:
    stages = {}
    for epochs in (100, 20, 4):
        method = started(linear_student(2), epochs=epochs)
        words = []
        for epoch in range(epochs):
            method.on_epoch_start(epoch)
            words.append(method.stage())
        stages[epochs] = words.count("warm-up")
        assert words[-1] == "asymmetric"
    assert stages == {100: 6, 20: 1, 4: 0}


def test_fusions_that_are_no_sum_get_heads_that_learn() -> None:
    model = student(NAMES[:2], 4, FiLMFusion)
    ARL(model, CLASSES)
    assert isinstance(model.fusion, UnimodalHeads)
    assert not model.fusion.detached
    for fusion, options in ((LateFusion, {}), (FiLMFusion, {"gamma": 0.0, "modulate": False})):
        model = student(NAMES[:2], 4, fusion)
        before = model.fusion
        ARL(model, CLASSES, **options)
        assert model.fusion is before
    with pytest.raises(g2d.UserError, match="set gamma above 0"):
        ARL(student(NAMES[:2], 4, FiLMFusion), CLASSES, gamma=0.0)


def test_a_refusal_leaves_the_model_as_it_was() -> None:
    model = student(NAMES[:2], 4, FiLMFusion)
    before = weights(model)
    with pytest.raises(g2d.UserError, match="set gamma above 0"):
        ARL(model, CLASSES, gamma=0.0)
    assert not model.brought
    assert weights(model).keys() == before.keys()


def test_an_attached_model_needs_its_own_heads_or_the_unimodal_loss() -> None:
    encoders = {name: nn.Linear(6, 3) for name in NAMES[:2]}
    heads = {name: nn.Linear(3, 4) for name in NAMES[:2]}
    net = nn.ModuleList([*encoders.values(), *heads.values()])
    attached = g2d.attach(net, encoders)
    with pytest.raises(g2d.UserError, match="set gamma above 0"):
        ARL(attached, CLASSES, gamma=0.0)
    assert attached.added_heads is None
    attached = g2d.attach(net, encoders, heads=heads)
    assert ARL(attached, CLASSES, gamma=0.0).student.added_heads is None


def test_learns_labels() -> None:
    task, model = TASKS["multilabel"], student(NAMES[:3], 3)
    method = ARL(model.train(), task, warmup=0.0)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=1))
    losses = [float(method.step(batch(NAMES[:3], task, missing=True))) for _ in range(20)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"gamma": -1.0}, "gamma must be 0 or more"),
        ({"temperature": math.inf}, "temperature must be 0 or more"),
        ({"warmup": 5.0}, "warmup must be between 0 and 1, got 5"),
        ({"floor": -0.1}, "floor must be between 0 and 1"),
    ],
)
def test_refuses_options_without_meaning(options: dict[str, float], message: str) -> None:
    with pytest.raises(g2d.UserError, match=message):
        ARL(linear_student(2), CLASSES, **options)


def test_refuses_regression() -> None:
    with pytest.raises(g2d.UserError, match="is defined for Classification and MultiLabel"):
        ARL(linear_student(2), TASKS["regression"])
