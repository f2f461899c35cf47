"""MLA against its equations, and what one step may touch."""

from __future__ import annotations

import weakref
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.functional.gradients import mla_projector
from g2d.methods.heads.mla import SharedHead
from g2d.methods.mla import MLA
from g2d.methods.smp import SequentialPrioritization
from g2d.models.fusion import FiLMFusion
from methods.small import NAMES, OPTIMIZERS, TASKS, bank, batch, student, weights
from reference import mla as paper

CLASSES, NUMBER = TASKS["classification"], TASKS["regression"]
WIDTHS = {"sound": 5, "image": 4, "depth": 5}
assert isinstance(NUMBER, g2d.Regression)


def linear(k: int, outputs: int = 4) -> g2d.MultimodalModel:
    """Linear encoders; `image` has a width of its own."""
    torch.manual_seed(2)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    encoders = {name: nn.Linear(6, width) for name, width in widths.items()}
    return g2d.MultimodalModel(encoders, FiLMFusion(widths, outputs))


def samples(k: int, seed: int, task: g2d.Task = CLASSES, missing: bool = False) -> g2d.Batch:
    made = batch(NAMES[:k], task, seed=seed, missing=missing)
    made.inputs = {name: value.flatten(1)[:, :6] for name, value in made.inputs.items()}
    return made


def told(
    model: g2d.MultimodalModel, task: g2d.Task = CLASSES, optimizer: str = "sgd", **options: Any
) -> MLA:
    method = MLA(model.train(), task, **options)
    method.on_fit_start(g2d.Loop(OPTIMIZERS[optimizer](model), epochs=3))
    method.on_epoch_start(0)
    return method


def flat(model: g2d.MultimodalModel) -> dict[str, Tensor]:
    """Parameters by the names of the reference."""
    found = {}
    for key, value in model.named_parameters():
        short = key.replace("encoders.", "encoder.").replace("fusion.head.", "head.")
        found[short.replace("fusion.adapters.", "adapter.")] = value.detach().clone()
    return found


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("kind", ["classification", "regression"])
@pytest.mark.parametrize("alpha", [None, 0.1, 1.0])
def test_training_follows_the_equations(
    k: int, missing: bool, kind: str, alpha: float | None
) -> None:
    task = TASKS[kind]
    options = {"projection": "off"} if alpha is None else {"alpha": alpha}
    model = linear(k, task.outputs)
    method = told(model, task, **options)
    epochs = [[samples(k, 10 * e + s, task, missing) for s in range(3)] for e in range(2)]
    scale = (NUMBER.low, NUMBER.high) if kind == "regression" else None
    expected, last = paper.train(
        flat(model),
        NAMES[:k],
        [
            [(b.inputs, b.target, {m: p.tolist() for m, p in b.present.items()}) for b in steps]
            for steps in epochs
        ],
        paper.Plan(alpha),
        scale,
    )
    losses = []
    for epoch, steps in enumerate(epochs):
        method.on_epoch_start(epoch)
        losses += [float(method.step(data)) for data in steps]
    assert losses == pytest.approx(expected, rel=1e-4)
    for key, value in flat(model).items():
        torch.testing.assert_close(value.double(), last[key], rtol=1e-3, atol=2e-6, msg=key)


def test_the_projection_makes_a_difference() -> None:
    """Or the test above would say little of it."""
    ends = []
    for options in ({"projection": "off"}, {"alpha": 0.1}, {"alpha": 10.0}):
        model = linear(2)
        method = told(model, **options)
        for seed in range(3):
            method.step(samples(2, seed))
        ends.append(flat(model)["head.weight"])
    assert all((a - b).abs().max() > 1e-3 for a, b in zip(ends, [*ends[1:], ends[0]], strict=True))


# --- the projection -------------------------------------------------------------------------------


def test_the_recursion_is_the_closed_inverse() -> None:
    generator = torch.Generator().manual_seed(0)
    features = torch.randn(30, 8, generator=generator, dtype=torch.float64)
    found = torch.eye(8, dtype=torch.float64)
    for row in features:
        found = mla_projector(found, row, 0.3)
        assert torch.equal(found, found.T)
        values = torch.linalg.eigvalsh(found)
        assert values.min() > 0
        assert values.max() <= 1 + 1e-12
    closed = torch.linalg.inv(torch.eye(8).double() + features.T @ features / 0.3)
    torch.testing.assert_close(found, closed)


def test_with_a_small_alpha_the_modality_before_is_spared_wholly() -> None:
    generator = torch.Generator().manual_seed(1)
    before, gradient = torch.randn(8, generator=generator), torch.randn(3, 8, generator=generator)
    left = gradient @ mla_projector(torch.eye(8), before, 1e-6)
    assert (left @ before).norm() < 1e-3 * (gradient @ before).norm()
    assert left.norm() > 0.5 * gradient.norm()


def test_the_first_step_of_all_is_free_and_every_epoch_begins_anew() -> None:
    data = samples(2, 0)

    def first_head_gradient(last: Tensor | None) -> Tensor:
        model = linear(2)
        method = MLA(model.train(), CLASSES)
        optimizer = torch.optim.SGD(model.parameters(), lr=1.0)
        method.on_fit_start(g2d.Loop(optimizer))
        method.on_epoch_start(0)
        method._last = last
        start = model.fusion.head.weight.detach().clone()
        method._step_of("sound", (data,))
        return start - model.fusion.head.weight.detach()

    free, spared = first_head_gradient(None), first_head_gradient(torch.ones(5))
    direction = torch.ones(5)
    assert (spared @ direction).norm() < 0.05 * (free @ direction).norm()
    model = linear(2)
    method = told(model)
    method.step(data)
    assert method._projector is not None
    method.on_epoch_start(1)
    assert method._projector is None
    assert method._last is not None


def test_what_must_last_goes_through_a_checkpoint() -> None:
    models = [linear(2), linear(2)]
    one, two = (told(model) for model in models)
    one.step(samples(2, 0))
    models[1].load_state_dict(models[0].state_dict())
    two.loop.optimizer.load_state_dict(deepcopy(one.loop.optimizer.state_dict()))
    two.load_state_dict(one.state_dict())
    for method in (one, two):
        method.on_epoch_start(1)
        method.step(samples(2, 1))
    for key, value in flat(models[0]).items():
        assert torch.equal(value, flat(models[1])[key])


# --- one modality at a time -----------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_turn_of_one_leaves_the_others_as_they_are(optimizer: str) -> None:
    names = NAMES[:3]
    model = student(names, 4)
    method = told(model, optimizer=optimizer)
    method.step(batch(names, CLASSES))  # momentum for all
    for name in names:
        before = weights(model)
        method._step_of(name, (batch(names, CLASSES, seed=1),))
        for key, value in weights(model).items():
            of = key.split(".")[1] if key.startswith("encoders.") else key.split(".")[2]
            if of in names and of != name:
                assert torch.equal(value, before[key]), key
        assert not torch.equal(model.encoders[name][0].weight, before[f"encoders.{name}.0.weight"])
        assert not torch.equal(model.fusion.head.weight, before["fusion.head.weight"])


class Token:
    """Lives as long as the graph that holds it."""


class Marked(torch.autograd.Function):
    """The identity, with a token in its graph."""

    @staticmethod
    def forward(ctx: Any, value: Tensor, token: Token) -> Tensor:
        ctx.token = token
        return value.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> Any:
        return gradients[0], None


def test_no_two_graphs_are_alive_at_once() -> None:
    """Memory is that of one encoder: the features of the one before are gone."""
    names = NAMES[:3]
    model = student(names, 4)
    alive: list[weakref.ref[Token]] = []
    counts = []

    def watch(module: nn.Module, inputs: Any, output: Tensor) -> Tensor:
        counts.append(sum(ref() is not None for ref in alive))
        token = Token()
        alive.append(weakref.ref(token))
        marked: Tensor = Marked.apply(output, token)
        return marked

    for encoder in model.encoders.values():
        encoder[-1].register_forward_hook(watch)
    method = told(model)
    method.step(batch(names, CLASSES))
    method.step(batch(names, CLASSES, seed=1))
    assert counts == [0] * 6


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    whole, halves = linear(2), linear(2)
    data = samples(2, 0)
    parts = [
        g2d.Batch({m: x[rows] for m, x in data.inputs.items()}, data.target[rows], data.index[rows])
        for rows in (slice(0, 2), slice(2, 6))
    ]
    one, two = told(whole), told(halves)
    halves.load_state_dict(whole.state_dict())
    for _ in range(3):
        assert float(one.step(data)) == pytest.approx(float(two.step(*parts)), rel=1e-5)
    for key, value in flat(whole).items():
        torch.testing.assert_close(flat(halves)[key], value)


def test_frozen_layers_stay_and_do_not_disturb() -> None:
    model = linear(2)
    model.encoders["sound"].weight.requires_grad_(False)
    method = told(model)
    before = weights(model)
    method.step(samples(2, 0))
    after = weights(model)
    same = [key for key in before if torch.equal(before[key], after[key])]
    assert same == ["encoders.sound.weight"]


# --- errors ---------------------------------------------------------------------------------------


def test_several_labels_need_fixed_weights() -> None:
    labels = TASKS["multilabel"]
    with pytest.raises(g2d.UserError, match="give fixed weights"):
        MLA(linear(2, labels.outputs), labels)
    fixed = {"sound": 0.5, "image": 0.5}
    model = linear(2, labels.outputs)
    method = told(model, labels, fixed=fixed)
    assert isinstance(model.fusion, SharedHead)
    assert method.step(samples(2, 0, labels)).isfinite()


@pytest.mark.parametrize(
    ("options", "said"),
    [({"alpha": 0.0}, "alpha must be above 0"), ({"projection": "owm"}, "expected rls or off")],
)
def test_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    with pytest.raises(g2d.UserError, match=said):
        MLA(linear(2), CLASSES, **options)


def test_prioritization_cannot_go_around_it() -> None:
    with pytest.raises(g2d.UserError, match="takes steps of its own"):
        SequentialPrioritization(MLA(linear(2), CLASSES), bank(NAMES[:2], CLASSES), (1, 1))
