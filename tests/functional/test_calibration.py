"""Temperatures and weights that are fitted on held-out samples, against searches of a grid."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch import Tensor

import g2d
from g2d import functional as F
from methods.small import TASKS

CLASSES = g2d.Classification(4)


def softmax_nll(logits: Tensor, target: Tensor) -> float:
    """Cross-entropy, spelled out."""
    z = logits.double()
    return float((z.exp().sum(1).log() - z[torch.arange(len(z)), target]).mean())


def drawn(size: int, scale: float, seed: int = 0, classes: int = 4) -> tuple[Tensor, Tensor]:
    """Logits, and targets drawn from softmax(scale * logits): so the right temperature is known."""
    generator = torch.Generator().manual_seed(seed)
    logits = torch.randn(size, classes, generator=generator) * 2
    chances = (scale * logits).softmax(1)
    return logits, torch.multinomial(chances, 1, generator=generator).flatten()


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_that_made_the_targets_is_found(temperature: float) -> None:
    logits, target = drawn(20_000, 1 / temperature)
    assert F.fit_temperature(CLASSES, logits, target) == pytest.approx(temperature, rel=0.05)


def test_no_temperature_of_a_grid_is_better() -> None:
    logits, target = drawn(60, 0.6, seed=3)
    found = softmax_nll(logits / F.fit_temperature(CLASSES, logits, target), target)
    grid = [softmax_nll(logits / (0.05 * 1.01**n), target) for n in range(600)]
    assert found <= min(grid) + 1e-6


def test_scaled_logits_have_a_scaled_temperature_and_absent_samples_do_not_count() -> None:
    logits, target = drawn(200, 0.7)
    one = F.fit_temperature(CLASSES, logits, target)
    assert F.fit_temperature(CLASSES, 3 * logits, target) == pytest.approx(3 * one, rel=1e-3)
    present = torch.arange(200) < 150
    spoiled = torch.where(present[:, None], logits, 1e4)
    part = F.fit_temperature(CLASSES, logits[:150], target[:150])
    assert F.fit_temperature(CLASSES, spoiled, target, present) == pytest.approx(part, rel=1e-6)
    assert F.fit_temperature(CLASSES, logits, target, torch.zeros(200, dtype=torch.bool)) == 1


def test_a_teacher_without_fault_keeps_a_finite_temperature_and_regression_has_none() -> None:
    target = torch.arange(8) % 4
    perfect = 5.0 * torch.nn.functional.one_hot(target, 4).float()
    assert 0.05 <= F.fit_temperature(CLASSES, perfect, target) < 1
    task = TASKS["regression"]
    assert F.fit_temperature(task, torch.randn(8, 1), torch.linspace(-2, 6, 8)) == 1


def test_the_weights_that_made_the_targets_are_found() -> None:
    generator = torch.Generator().manual_seed(1)
    one, other = (torch.randn(20_000, 4, generator=generator) * 2 for _ in range(2))
    chances = (0.3 * one + 0.9 * other).softmax(1)
    target = torch.multinomial(chances, 1, generator=generator).flatten()
    weights = F.fit_ensemble_weights(CLASSES, [one, other], target)
    torch.testing.assert_close(weights, torch.tensor([0.3, 0.9]), atol=0.03, rtol=0.05)


@pytest.mark.parametrize("kind", TASKS)
def test_no_weights_of_a_grid_are_better(kind: str) -> None:
    """With many samples what is added to the loss for few of them is nothing."""
    task, generator = TASKS[kind], torch.Generator().manual_seed(2)
    size = 4000
    if kind == "regression":
        value = torch.rand(size, generator=generator)
        target = task.low + (task.high - task.low) * value
        hint = (value.clamp(0.02, 0.98)).logit()[:, None]
    elif kind == "multilabel":
        target = torch.randint(2, (size, task.outputs), generator=generator)
        hint = 2.0 * target - 1
    else:
        target = torch.randint(task.outputs, (size,), generator=generator)
        hint = 2.0 * torch.nn.functional.one_hot(target, task.outputs)
    logits = [hint + noise * torch.randn(hint.shape, generator=generator) for noise in (1.0, 2.0)]
    weights = F.fit_ensemble_weights(task, logits, target)
    found = task.loss(weights[0] * logits[0] + weights[1] * logits[1], target)
    grid = [
        task.loss(0.05 * a * logits[0] + 0.05 * b * logits[1], target)
        for a in range(60)
        for b in range(60)
    ]
    assert found <= min(grid) + 1e-4
    assert weights[0] > weights[1] > 0


def test_a_useless_modality_gets_nothing_and_the_other_all() -> None:
    """In nearly all of 40 draws of noise, of a certain teacher as of a shy one."""
    zeros = 0
    for seed in range(40):
        good, target = drawn(300, 1.0, seed)
        noise = torch.randn(300, 4, generator=torch.Generator().manual_seed(1000 + seed))
        weights = F.fit_ensemble_weights(CLASSES, [good, (1 + seed % 5) * noise], target)
        zeros += weights[1].item() == 0
        assert weights[0] > 0.5
    assert zeros >= 36


def test_weights_follow_their_modalities_and_never_are_negative() -> None:
    logits = [drawn(100, 1.0, seed)[0] for seed in range(3)]
    _, target = drawn(100, 1.0, 0)
    weights = F.fit_ensemble_weights(CLASSES, [*logits, -logits[0]], target)
    assert weights[3] == 0
    assert (weights >= 0).all()
    turned = F.fit_ensemble_weights(CLASSES, [-logits[0], logits[1], logits[2], logits[0]], target)
    torch.testing.assert_close(turned[[3, 1, 2, 0]], weights, atol=1e-3, rtol=1e-3)


def test_if_all_is_noise_one_is_left() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(50, 4, generator=generator) for _ in range(3)]
    target = torch.randint(4, (50,), generator=generator)
    assert (F.fit_ensemble_weights(CLASSES, logits, target) > 0).sum() == 1
    with pytest.raises(g2d.UserError, match="nothing to fit weights on"):
        F.fit_ensemble_weights(CLASSES, logits, target[:0])


@pytest.mark.parametrize("loss", ["squared", "absolute"])
@pytest.mark.parametrize("unit", [1.0, 1000.0])
def test_numbers_are_weighed_as_least_squares_weighs_them(loss: str, unit: float) -> None:
    """Two models of numbers, one nearly twice as far off: in the middle of a wide range."""
    generator = torch.Generator().manual_seed(0)
    target = unit * torch.randn(300, generator=generator).double()
    said = [target + unit * s * torch.randn(300, generator=generator) for s in (0.3, 0.5)]
    task = g2d.Regression(-20 * unit, 20 * unit, unit, loss=loss)
    logits = [task.scale(numbers).logit()[:, None] for numbers in said]
    weights = F.fit_ensemble_weights(task, logits, target)
    best = np.linalg.lstsq(torch.stack(said, 1).numpy(), target.numpy(), rcond=None)[0]
    tolerance = 0.05 if loss == "squared" else 0.15
    np.testing.assert_allclose(weights.numpy(), best, atol=tolerance)


def test_few_samples_stay_near_equal_weights() -> None:
    """Two modalities, equally good and without fault on 12 samples: no reason to prefer one."""
    target = torch.arange(12) % 4
    sure = 3.0 * torch.nn.functional.one_hot(target, 4).float()
    generator = torch.Generator().manual_seed(0)
    logits = [sure + 0.5 * torch.randn(12, 4, generator=generator) for _ in range(2)]
    weights = F.fit_ensemble_weights(CLASSES, logits, target)
    kept = weights[weights > 0]
    assert kept.max() / kept.min() < 2
    assert all(math.isfinite(value) for value in weights.tolist())


def test_a_weighted_ensemble_sample_by_sample() -> None:
    generator = torch.Generator().manual_seed(0)
    logits = [torch.randn(40, 3, generator=generator) for _ in range(3)]
    masks = [torch.rand(40, generator=generator) < 0.5, None, torch.rand(40) < 0.5]
    weights = torch.tensor([0.5, 0.0, 2.0])
    found = F.ensemble_logits(logits, masks, weights)
    for i in range(40):
        there = [m for m, mask in enumerate(masks) if mask is None or mask[i]]
        total = sum(weights[m] for m in there)
        if total == 0:
            expected = sum(logits[m][i] for m in there) / len(there)
        else:
            expected = weights.sum() / total * sum(weights[m] * logits[m][i] for m in there)
        torch.testing.assert_close(found[i], expected)
    equal = torch.full((3,), 1 / 3)
    torch.testing.assert_close(
        F.ensemble_logits(logits, masks, equal), F.ensemble_logits(logits, masks)
    )


@pytest.mark.parametrize("kind", ["classification", "multilabel"])
def test_how_sure_a_model_is_changes_nothing_in_a_blend(kind: str) -> None:
    """Neither its share nor the sum: temperature scaling takes it away."""
    task, generator = TASKS[kind], torch.Generator().manual_seed(3)
    shape = (300, task.outputs)
    target = (
        torch.randint(2, shape, generator=generator)
        if kind == "multilabel"
        else torch.randint(task.outputs, shape[:1], generator=generator)
    )
    bits = target if kind == "multilabel" else torch.nn.functional.one_hot(target, task.outputs)
    one, other = (2.0 * bits + 2 * torch.randn(shape, generator=generator) for _ in range(2))
    weights, shares = F.fit_blend_weights(task, [one, other], target)
    scaled, same = F.fit_blend_weights(task, [one, 5 * other], target)
    torch.testing.assert_close(shares, same, atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(weights, scaled * torch.tensor([1.0, 5.0]), atol=2e-3, rtol=2e-3)
    assert shares.sum() == pytest.approx(1)


def test_a_model_without_an_input_does_not_choose_its_weight() -> None:
    one, target = drawn(400, 1.0, 5)
    other, _ = drawn(400, 1.0, 5)
    there = torch.arange(400) < 250
    wrong = torch.where(there[:, None], other, -50 * other)  # said where there is nothing to say
    weights, _ = F.fit_blend_weights(CLASSES, [one, wrong], target, [None, there])
    expected, _ = F.fit_blend_weights(CLASSES, [one, other], target, [None, there])
    torch.testing.assert_close(weights, expected)


def test_no_weights_of_a_grid_make_a_better_blend() -> None:
    """With many samples what is added to the loss for few of them is nothing."""
    one, target = drawn(4000, 1.0, 6)
    other = 0.5 * one + 3 * torch.randn(one.shape, generator=torch.Generator().manual_seed(7))
    weights, _ = F.fit_blend_weights(CLASSES, [one, 4 * other], target)
    found = CLASSES.loss(weights[0] * one + weights[1] * 4 * other, target)
    grid = [
        CLASSES.loss(0.05 * a * one + 0.05 * b * other, target)
        for a in range(60)
        for b in range(60)
    ]
    assert found <= min(grid) + 1e-4
