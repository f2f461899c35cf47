"""OGM and OGM-GE: training by the equations, the factors, the noise."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import g2d
from g2d.methods.ogm import OGM, modulation
from g2d.methods.window import in_window
from g2d.models.fusion import ConcatFusion, FiLMFusion
from g2d.recipes.catalog import METHODS
from methods.small import NAMES, TASKS, batch, same, sgd, student, weights
from reference import g2d as networks
from reference import ogm as paper

CLASSES = TASKS["classification"]
EPOCHS, BATCHES = 4, 2


def looped(method: g2d.Method) -> g2d.Method:
    method.on_fit_start(g2d.Loop(sgd(method.student.net), epochs=EPOCHS))
    return method


def reference_task(kind: str) -> networks.Task:
    task = TASKS[kind]
    if isinstance(task, g2d.Regression):
        return networks.Task(kind, task.low, task.high, task.std)
    return networks.Task(kind)


def zeroed(data: g2d.Batch) -> dict[str, torch.Tensor]:
    """An encoder sees zeros where its modality is absent."""
    inputs = {name: rows.clone() for name, rows in data.inputs.items()}
    for name, present in data.present.items():
        inputs[name][~present] = 0.0
    return inputs


CASES: dict[str, tuple[dict[str, Any], str, bool]] = {
    "plain": ({"noise": False, "alpha": 0.8}, "classification", False),
    "to the weakest": ({"noise": False, "ratio": "min"}, "classification", False),
    "convolutions": ({"noise": False, "modulated": "conv4d"}, "classification", False),
    "some missing": ({"noise": False}, "classification", True),
    "regression": ({"noise": False}, "regression", False),
    "several labels": ({"noise": False}, "multilabel", True),
    "noise": ({"noise": True}, "classification", False),
    "noise, convolutions, some missing": (
        {"noise": True, "modulated": "conv4d"},
        "classification",
        True,
    ),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_equations(name: str, k: int) -> None:
    options, kind, missing = CASES[name]
    task, names = TASKS[kind], NAMES[:k]
    model = student(names, task.outputs)
    epochs = [
        [batch(names, task, seed=10 * e + s, missing=missing) for s in range(BATCHES)]
        for e in range(EPOCHS)
    ]
    stream = torch.Generator().manual_seed(4)

    def draw(shape: tuple[int, ...]) -> torch.Tensor:
        return torch.empty(shape).normal_(generator=stream)

    plan = paper.Plan(
        options.get("alpha", 0.3),
        first=2,
        last=3,
        ratio=options.get("ratio", "mean"),
        modulated=options.get("modulated", "encoder"),
        draw=draw if options["noise"] else None,
    )
    expected = iter(
        paper.train(
            reference_task(kind),
            plan,
            {key: value.clone() for key, value in model.state_dict().items()},
            [key for key, _ in model.named_parameters()],
            names,
            [
                networks.Sample(
                    e + 1, zeroed(b), b.target, {m: p.tolist() for m, p in b.present.items()}
                )
                for e, batches in enumerate(epochs)
                for b in batches
            ],
            networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
        )
    )
    method = looped(OGM(model, task, window=(0.25, 0.75), seed=4, **options))
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        assert method.stage() == ("modulated" if epoch in (1, 2) else "joint")
        for data in batches:
            loss, params = next(expected)
            assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=1e-4, atol=5e-6, msg=key
                )


# --- the factors ----------------------------------------------------------------------------------

shares = st.floats(1 / 64, 63 / 64, width=32)
factors = st.floats(0.1, 2.0)


def tensors(scores: dict[str, float]) -> dict[str, torch.Tensor]:
    return {name: torch.tensor(score) for name, score in scores.items()}


@given(shares, shares, factors, st.sampled_from(["mean", "min"]))
def test_of_two_the_one_ahead_is_scaled_down(a: float, b: float, alpha: float, ratio: Any) -> None:
    found = modulation(tensors({"sound": a, "image": b}), alpha, ratio)
    if a == b:
        assert found["sound"] == found["image"] == 1
        return
    ahead, behind = ("sound", "image") if a > b else ("image", "sound")
    assert found[behind] == 1
    assert 0 <= found[ahead] <= 1 - math.tanh(alpha) + 1e-6


@given(st.lists(shares, min_size=3, max_size=4), factors, st.sampled_from(["mean", "min"]))
def test_factors_are_those_of_the_equations_in_any_order(
    values: list[float], alpha: float, ratio: Any
) -> None:
    scores = dict(zip(NAMES, values, strict=False))
    found = modulation(tensors(scores), alpha, ratio)
    swapped = modulation(tensors(dict(reversed(scores.items()))), alpha, ratio)
    for name, expected in paper.kappa(scores, alpha, ratio).items():
        if abs(expected - float(found[name])) > 1e-4:  # a tie up to rounding may fall either way
            rho = sum(scores[name] / s for n, s in scores.items() if n != name) / (len(scores) - 1)
            assert rho == pytest.approx(1, abs=1e-5)
            continue
        assert float(swapped[name]) == pytest.approx(float(found[name]), abs=1e-4)


def test_a_modality_that_nobody_has_is_left_out() -> None:
    scores = {"sound": 0.8, "image": float("nan"), "depth": 0.4}
    found = modulation(tensors(scores), 0.5)
    pair = modulation(tensors({"sound": 0.8, "depth": 0.4}), 0.5)
    assert found == {"sound": pair["sound"], "image": 1, "depth": 1}
    alone = modulation(tensors({"sound": 0.8, "image": float("nan")}), 0.5)
    assert alone == {"sound": 1, "image": 1}


def test_certainty_against_none_is_scaled_to_nothing_and_finite() -> None:
    found = modulation(tensors({"sound": 1.0, "image": 0.0}), 0.5)
    assert found == {"sound": 0, "image": 1}


def test_noise_is_asked_for_by_name():
    """As `--method ogm` and `--method ogm_ge` have it."""
    assert OGM(student(NAMES[:2], 4), CLASSES).noise is False
    assert METHODS["ogm"].options == {"noise": False}
    assert METHODS["ogm_ge"].options == {"noise": True}


# --- the noise ------------------------------------------------------------------------------------


def wide(noise: bool, alpha: float = 0.5) -> tuple[g2d.MultimodalModel, OGM]:
    torch.manual_seed(0)
    encoders = {name: torch.nn.Linear(6, 2000) for name in ("sound", "depth")}
    model = g2d.MultimodalModel(encoders, ConcatFusion(dict.fromkeys(encoders, 2000), 4))
    method = looped(OGM(model, CLASSES, noise=noise, alpha=alpha, window=(0, 1)))
    method.on_epoch_start(0)
    return model, method


def gradients(model: g2d.MultimodalModel, method: OGM) -> dict[str, torch.Tensor]:
    """After they are changed, before the optimizer's step."""
    data = batch(("sound", "depth"), CLASSES, seed=3)
    method.loss(model(data), data).backward()
    method.adjust_gradients()
    return {key: parameter.grad.clone() for key, parameter in model.named_parameters()}


def test_noise_has_the_deviation_of_the_gradient_before_it_is_scaled() -> None:
    joint, plain, noisy = wide(False, alpha=0.0), wide(False), wide(True)
    raw, scaled, both = (gradients(*each) for each in (joint, plain, noisy))
    ahead = [key for key in raw if not torch.equal(raw[key], scaled[key])]
    assert {key.split(".")[1] for key in ahead} in ({"sound"}, {"depth"})
    for name in ("sound", "depth"):  # the one that is not scaled gets it too
        key = f"encoders.{name}.weight"
        noise = both[key] - scaled[key]
        assert noise.std().item() == pytest.approx(raw[key].std().item(), rel=0.03)
        assert abs(noise.mean()) < 0.05 * raw[key].std()
        bias = f"encoders.{name}.bias"
        assert torch.equal(both[bias], scaled[bias])
    for key in ("fusion.head.weight", "fusion.head.bias"):
        assert torch.equal(both[key], raw[key])


def test_the_noise_is_the_same_however_the_weights_lie_in_memory() -> None:
    found = []
    for layout in (torch.contiguous_format, torch.channels_last):
        torch.manual_seed(0)
        encoders = {
            name: torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.Flatten())
            for name in ("sound", "depth")
        }
        model = g2d.MultimodalModel(encoders, ConcatFusion(dict.fromkeys(encoders, 8), 4))
        model.to(memory_format=layout)
        method = looped(OGM(model, CLASSES, noise=True, window=(0, 1)))
        method.on_epoch_start(0)
        inputs = {name: torch.ones(2, 3, 3, 3) for name in encoders}
        data = g2d.Batch(inputs, torch.tensor([0, 1]), torch.arange(2))
        method.loss(model(data), data).backward()
        method.adjust_gradients()
        found.append({key: parameter.grad for key, parameter in model.named_parameters()})
    torch.testing.assert_close(*found)


def test_noise_goes_on_from_its_saved_state() -> None:
    model, method = wide(True)
    first = gradients(model, method)
    saved = method.state_dict()
    model.zero_grad()
    second = gradients(model, method)
    again, other = wide(True)
    other.load_state_dict(saved)
    found = gradients(again, other)
    assert all(torch.equal(found[key], second[key]) for key in found)
    assert not torch.equal(first["encoders.sound.weight"], second["encoders.sound.weight"])
    anew, fresh = wide(True)
    fresh.load_state_dict({"device": "other", "noise": saved["noise"]})
    found = gradients(anew, fresh)
    assert all(torch.equal(found[key], first[key]) for key in found)


def test_a_global_random_state_is_left_alone() -> None:
    model, method = wide(True)
    torch.manual_seed(1)
    before = torch.get_rng_state()
    gradients(model, method)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_gradient_of_zero_gets_no_noise() -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs)
    method = looped(OGM(model, CLASSES, noise=True, window=(0, 1)))
    method.on_epoch_start(0)
    data = batch(names, CLASSES)
    data.present["image"] = torch.zeros(len(data), dtype=torch.bool)
    method.loss(model(data), data).backward()
    method.adjust_gradients()
    for parameter in model.encoder_parameters("image"):
        assert parameter.grad is None or (parameter.grad == 0).all()


# --- when and where -------------------------------------------------------------------------------


def run(kind: type[g2d.Method], accumulate: int = 1, **options: Any) -> dict[str, torch.Tensor]:
    names = NAMES[:3]
    model = student(names, CLASSES.outputs)
    method = looped(kind(model, CLASSES, **options))
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)
        method.step(*(batch(names, CLASSES, seed=epoch) for _ in range(accumulate)))
    return weights(model)


@pytest.mark.parametrize("options", [{"window": (0, 0)}, {"alpha": 0.0, "noise": False}])
def test_where_it_does_nothing_it_is_joint_training(options: dict[str, Any]) -> None:
    joint = run(g2d.JointTraining)
    assert same(run(OGM, **options), joint)
    assert not same(run(OGM, noise=False), joint)


def test_the_scores_of_a_step_are_those_of_all_its_batches() -> None:
    names, seen = NAMES[:2], []
    model = student(names, CLASSES.outputs).eval()
    method = looped(OGM(model, CLASSES, noise=False, window=(0, 1)))
    parts = [batch(names, CLASSES, size=4, seed=s) for s in (0, 1)]
    whole = g2d.Batch(
        {n: torch.cat([part.inputs[n] for part in parts]) for n in names},
        torch.cat([part.target for part in parts]),
        torch.arange(8),
    )
    for step in (parts, [whole]):
        method.on_epoch_start(0)
        for data in step:
            (method.loss(model(data), data) / len(step)).backward()
        method.adjust_gradients()
        seen.append([p.grad.clone() for p in model.encoder_parameters("sound")])
        model.zero_grad()
    for one, other in zip(*seen, strict=True):
        torch.testing.assert_close(one, other)


@pytest.mark.parametrize("noise", [True, False])
def test_heads_beside_a_fusion_watch_and_are_trained_until_the_window_ends(noise: bool) -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs, FiLMFusion)
    method = looped(OGM(model, CLASSES, noise=noise, window=(1, 2)))
    heads = model.fusion.heads
    data, moved = batch(names, CLASSES), []
    for epoch in range(3):
        method.on_epoch_start(epoch)
        before = weights(heads)
        method.step(data)
        moved.append(not same(weights(heads), before))
    assert moved == [True, True, False]
    method.on_epoch_start(0)
    joint = g2d.JointTraining(model, CLASSES)
    found = []
    for each in (method, joint):  # in the epoch before the window
        each.loss(model(data), data).backward()
        found.append([p.grad.clone() for p in model.encoder_parameters("sound")])
        model.zero_grad()
    assert all(torch.equal(a, b) for a, b in zip(*found, strict=True))


@pytest.mark.parametrize(
    ("window", "epochs", "expected"),
    [
        ((0.0, 1.0), 3, [0, 1, 2]),
        ((0.0, 0.5), 3, [0, 1]),
        ((0.5, 1.0), 4, [2, 3]),
        ((0.0, 0.0), 3, []),
        ((2.0, 3.0), 5, [2]),
        ((1.0, 99.0), 3, [1, 2]),
    ],
)
def test_a_window_is_half_open(window: Any, epochs: int, expected: list[int]) -> None:
    assert [e for e in range(epochs) if in_window(window, e, epochs)] == expected


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": -1.0}, "alpha must be 0 or more"),
        ({"window": (0.5, 0.1)}, "window must be a start and an end"),
        ({"window": (-1, 3)}, "window must be a start and an end"),
        ({"window": (1,)}, "window must be a start and an end"),
        ({"window": (0, float("nan"))}, "window must be a start and an end"),
        ({"modulated": "branch"}, "modulated: expected encoder or conv4d"),
        ({"ratio": "max"}, "ratio: expected mean or min"),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(g2d.UserError, match=words):
        OGM(student(NAMES[:2], 4), CLASSES, **options)


def test_convolutions_are_refused_where_there_are_none() -> None:
    model = student(("sound", "depth"), CLASSES.outputs)
    with pytest.raises(g2d.UserError, match="use encoder"):
        looped(OGM(model, CLASSES, modulated="conv4d"))


def test_noise_has_room_for_layers_that_are_unfrozen_later() -> None:
    """The noise of the large layer is what it would be, had it been trained from the first step."""
    moved = []
    for frozen in (True, False):
        torch.manual_seed(0)
        encoders = {
            n: torch.nn.Sequential(torch.nn.Linear(6, 9), torch.nn.Linear(9, 2)) for n in "ab"
        }
        model = g2d.MultimodalModel(encoders, g2d.LateFusion({"a": 2, "b": 2}, 3))
        for encoder in encoders.values():
            encoder[0].requires_grad_(not frozen)
        method = looped(OGM(model, g2d.Classification(3), window=(0.0, 1.0)))
        for encoder in encoders.values():
            encoder[0].requires_grad_(True)
        method.on_epoch_start(0)
        rows = torch.randn(5, 6, generator=torch.Generator().manual_seed(1))
        data = g2d.Batch({"a": rows, "b": -rows}, torch.tensor([0, 1, 2, 0, 1]), torch.arange(5))
        method.loss(model(data), data).backward()
        method.adjust_gradients()
        moved.append(encoders["a"][0].weight.grad)
    assert torch.equal(*moved)
