"""MLB against its equations: who is slowed down, who is sped up, and by how much."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import g2d
from g2d.functional.modulation import mlb_coefficients
from g2d.methods.mlb import MLB
from g2d.models.fusion import ConcatFusion, FiLMFusion
from methods.by_equations import Seen, batches, begin, follow, in_one_and_in_halves, late
from methods.small import NAMES, TASKS, batch, gradients, sgd, student, weights
from reference import mlb as paper

CLASSES = TASKS["classification"]
CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "strong, and never faster": {"alpha": 3.0, "beta": 1.0},
    "much faster": {"alpha": 2.0, "beta": 4.0, "gamma": 0.3},
    "the loss of the fused logits alone": {"gamma": 0.0},
    "as in the published code": {"modulated": "branch"},
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_reference(name: str, missing: bool, k: int) -> None:
    options = {**CASES[name]}
    method = MLB(late(k), CLASSES, **options)
    balance = paper.Balance(branch=options.pop("modulated", "encoder") == "branch", **options)

    def loss_of(p: paper.Params, features: Any, seen: Seen) -> torch.Tensor:
        return balance.loss(p, features, seen.target, seen.present)

    follow(method, loss_of, missing)


scores = st.lists(st.integers(1, 32).map(lambda part: part / 32), min_size=2, max_size=4)


@given(scores, st.floats(0.0, 4.0), st.floats(1.0, 5.0))
def test_coefficients_are_those_of_the_reference(
    values: list[float], alpha: float, beta: float
) -> None:
    expected = paper.coefficients({str(m): value for m, value in enumerate(values)}, alpha, beta)
    found = mlb_coefficients(torch.tensor(values, dtype=torch.float64), alpha, beta)
    assert found.tolist() == pytest.approx(list(expected.values()), rel=1e-9)
    assert float(found.max()) <= beta
    assert float(found.min()) >= 1 - math.tanh(alpha) - 1e-9


def test_nobody_is_changed_where_all_are_equally_confident() -> None:
    assert mlb_coefficients(torch.tensor([0.3, 0.3, math.nan])).tolist() == [1.0, 1.0, 1.0]
    assert mlb_coefficients(torch.tensor([0.3, math.nan])).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("fusion", [g2d.LateFusion, FiLMFusion])
@pytest.mark.parametrize("modulated", ["encoder", "branch"])
def test_what_is_scaled_is_the_encoder_or_its_branch(fusion: Any, modulated: str) -> None:
    """Also with heads that are added, where the fusion shows no logits of the modalities."""
    data, found = batches(2)[0], []
    for alpha in (0.0, 0.8):
        torch.manual_seed(3)
        model = student(NAMES[:2], 4, fusion)
        method = MLB(model, CLASSES, alpha=alpha, modulated=modulated)
        begin(method, [data], epochs=1)
        found.append(gradients(method, data))
    model.train()
    said = model(data).unimodal
    confidence = {m: CLASSES.confidence(z, data.target).mean().item() for m, z in said.items()}
    factors = paper.coefficients(confidence, 0.8, 2.0)
    for key, plain in found[0].items():
        factor = 1.0
        for name in NAMES[:2]:
            inside = f"heads.{name}." in key and modulated == "branch"
            if inside or key.startswith(f"encoders.{name}."):
                factor = factors[name]
        torch.testing.assert_close(found[1][key], factor * plain, rtol=1e-4, atol=1e-7)


def test_without_losses_of_their_own_added_heads_only_watch() -> None:
    data = batches(2)[0]
    model = student(NAMES[:2], 4, FiLMFusion)
    method = MLB(model, CLASSES, gamma=0.0, alpha=1e-9)  # factors of 1
    begin(method, [data], epochs=1)
    joint = g2d.JointTraining(student(NAMES[:2], 4, FiLMFusion), CLASSES)
    begin(joint, [data], epochs=1)
    expected, found = gradients(joint, data), gradients(method, data)
    for key, value in expected.items():
        wrapped = key.replace("fusion.", "fusion.fusion.", 1)
        torch.testing.assert_close(found.pop(wrapped), value, rtol=1e-4, atol=1e-6)
    assert {key.split(".")[1] for key in found} == {"heads"}
    assert all(float(gradient.abs().max()) > 0 for gradient in found.values())


def test_a_step_of_two_batches_is_that_of_both_in_one() -> None:
    one, other = in_one_and_in_halves(lambda model: MLB(model, CLASSES))
    torch.testing.assert_close(weights(other.student.net), weights(one.student.net))


@pytest.mark.parametrize("kind", ["multilabel", "regression"])
def test_other_tasks_are_learned(kind: str) -> None:
    task = TASKS[kind]
    model = student(NAMES[:3], task.outputs)
    method = MLB(model.train(), task)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=1))
    data = batch(NAMES[:3], task, missing=True)
    scaled = gradients(method, data)
    method.alpha = 0.0
    plain = gradients(method, data)
    assert any(not torch.allclose(scaled[key], plain[key]) for key in plain)
    method.alpha = 0.8
    losses = [float(method.step(batch(NAMES[:3], task, missing=True))) for _ in range(20)]
    assert losses[-1] < losses[0]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"alpha": -1.0}, "alpha must be 0 or more"),
        ({"gamma": math.inf}, "gamma must be 0 or more"),
        ({"beta": 0.5}, "beta must be 1 or more, got 0.5"),
        ({"modulated": "head"}, "modulated"),
    ],
)
def test_refuses_options_without_meaning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(g2d.UserError, match=message):
        MLB(late(2), CLASSES, **options)


def test_branches_are_refused_where_there_are_none() -> None:
    with pytest.raises(g2d.UserError, match="no heads of their own here, so there is no branch"):
        MLB(student(NAMES[:2], 4, ConcatFusion), CLASSES, modulated="branch")
    MLB(student(NAMES[:2], 4, ConcatFusion), CLASSES)
    MLB(student(NAMES[:2], 4, ConcatFusion), CLASSES, modulated="branch", alpha=0.0)
