"""Gradient-Blending: the blend, and how its weights are estimated."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import g2d
from g2d.functional.overfitting import gradient_blending_weights
from g2d.methods.gradient_blending import GradientBlending
from g2d.models.fusion import ConcatFusion
from methods.catalogued import fitted, recipe, splits, state
from methods.small import same
from reference import gradient_blending as equations

NAMES = ("sound", "image", "depth")
WIDTHS = {"sound": 3, "image": 4, "depth": 2}
CLASSES = g2d.Classification(4)
VALIDATION = [
    {"fused": 1.40, "sound": 1.50, "image": 1.42, "depth": 1.45},
    {"fused": 1.30, "sound": 1.40, "image": 1.41, "depth": 1.50},
    {"fused": 1.25, "sound": 1.45, "image": 1.20, "depth": 1.40},
    {"fused": 1.26, "sound": 1.46, "image": 1.21, "depth": 1.41},
    {"fused": 1.27, "sound": 1.47, "image": 1.22, "depth": 1.42},
]


def student(k: int) -> g2d.MultimodalModel:
    """Linear encoders over 5 inputs, and a linear fusion."""
    torch.manual_seed(k)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    encoders = {name: nn.Linear(5, width, bias=False) for name, width in widths.items()}
    return g2d.MultimodalModel(encoders, ConcatFusion(widths, CLASSES.outputs))


def params_of(model: g2d.MultimodalModel) -> equations.Params:
    found = {"fusion": model.fusion.fusion.head.weight}
    for name in model.modalities:
        found[f"encoder.{name}"] = model.encoders[name].weight
        found[f"head.{name}"] = model.fusion.heads[name].weight
    return {key: value.detach().clone() for key, value in found.items()}


def data(k: int, seed: int, missing: bool) -> g2d.Batch:
    generator = torch.Generator().manual_seed(seed)
    size = 5 + seed % 3  # means over an epoch are over samples, not over batches
    inputs = {name: torch.randn(size, 5, generator=generator) for name in NAMES[:k]}
    present = {}
    if missing:
        present = {name: torch.arange(size) % 3 != seed % 2 for name in NAMES[1:k]}
    target = torch.randint(4, (size,), generator=generator)
    return g2d.Batch(inputs, target, torch.arange(size), present)


def started(model: g2d.MultimodalModel, rate: float = 0.3, **options: Any) -> GradientBlending:
    """The method, which has put linear classifiers beside the fusion; no bias is trained."""
    method = GradientBlending(model, CLASSES, **options)
    for head in (model.fusion.fusion.head, *model.fusion.heads.values()):
        head.bias.requires_grad_(False)
    trained = [p for p in model.parameters() if p.requires_grad]
    method.on_fit_start(g2d.Loop(torch.optim.SGD(trained, lr=rate)))
    return method


@pytest.mark.parametrize("accumulate", [1, 2])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("k", [2, 3])
def test_training_follows_the_equations(k: int, n: int, missing: bool, accumulate: int) -> None:
    model = student(k)
    method = started(model, super_epoch=n, overfitting_floor=0.02, weight_floor=0.2)
    epochs = [[data(k, 10 * e + s, missing) for s in range(2)] for e in range(5)]
    if accumulate == 2:  # the same batch twice is the same step, and the same means
        parts = [[(b, b) for b in batches] for batches in epochs]
    else:
        parts = [[(b,) for b in batches] for batches in epochs]
    expected = equations.train(
        params_of(model),
        [
            [(b.inputs, b.target, {m: p.tolist() for m, p in b.present.items()}) for b in batches]
            for batches in epochs
        ],
        VALIDATION,
        n=n,
        floor=0.02,
        rate=0.3,
        least=0.2,
    )
    for epoch, steps in enumerate(parts):
        model.train()
        method.on_epoch_start(epoch)
        losses, weights, params = expected[epoch]
        assert method.weights == pytest.approx(weights, rel=1e-3, abs=1e-5)
        assert [float(method.step(*step)) for step in steps] == pytest.approx(losses, rel=1e-4)
        for key, value in params_of(model).items():
            torch.testing.assert_close(value.double(), params[key], rtol=1e-3, atol=1e-5, msg=key)
        method.on_validation_end({"loss": VALIDATION[epoch]})


def test_the_cases_have_weights_that_differ() -> None:
    """Or the test above would say little."""
    batches = [[(b.inputs, b.target, {})] for b in (data(3, e, False) for e in range(5))]
    model = student(3)
    started(model)
    found = equations.train(params_of(model), batches, VALIDATION, n=1, floor=0.02, rate=0.3)
    weights = [w for _, w, _ in found]
    assert weights[0] == weights[0] | dict.fromkeys(weights[0], 0.25)
    assert weights[2] != weights[1]
    assert weights[2]["depth"] == 0  # its validation loss rose
    assert weights[4] == weights[3]  # nothing fell


@pytest.mark.parametrize("k", [2, 3])
def test_fixed_weights_are_scaled_and_stay(k: int) -> None:
    model = student(k)
    method = started(model, weights={"fused": 1.0, "image": 3.0}, super_epoch=1)
    steps = [[data(k, e, False)] for e in range(3)]
    fixed = {**dict.fromkeys(("fused", *NAMES[:k]), 0.0), "fused": 0.25, "image": 0.75}
    expected = equations.train(
        params_of(model),
        [[(b.inputs, b.target, {}) for b in batches] for batches in steps],
        VALIDATION,
        n=1,
        floor=0.05,
        rate=0.3,
        fixed=fixed,
    )
    for epoch, batches in enumerate(steps):
        method.on_epoch_start(epoch)
        losses, _, params = expected[epoch]
        assert [float(method.step(b)) for b in batches] == pytest.approx(losses, rel=1e-4)
        for key, value in params_of(model).items():
            torch.testing.assert_close(value.double(), params[key], rtol=1e-3, atol=1e-5, msg=key)
        method.on_validation_end({"loss": VALIDATION[epoch]})
    assert method.weights == {"fused": 0.25, "image": 0.75}


loss_values = st.floats(0.01, 10.0)


@given(
    st.lists(st.tuples(*[loss_values] * 4), min_size=2, max_size=5),
    st.floats(0.001, 1.0),
    st.floats(0.0, 1.0),
)
def test_weights_are_shares_of_one(
    losses: list[tuple[float, ...]], floor: float, least: float
) -> None:
    names = [f"m{i}" for i in range(len(losses))]
    start = {name: [t, v] for name, (t, v, _, _) in zip(names, losses, strict=True)}
    end = {name: [t, v] for name, (_, _, t, v) in zip(names, losses, strict=True)}
    before = dict.fromkeys(names, 1 / len(names))
    found = gradient_blending_weights(before, start, end, floor, least)
    assert sum(found.values()) == pytest.approx(1)
    assert all(weight >= least / len(names) * (1 - 1e-9) for weight in found.values())
    tuples = [{n: (t, v) for n, (t, v) in side.items()} for side in (start, end)]
    assert found == pytest.approx(equations.weights_of(*tuples, before, floor, least))


@pytest.mark.parametrize(("floor", "learns"), [({}, True), ({"weight_floor": 0.0}, False)])
def test_the_fused_head_goes_on_learning_where_its_loss_has_not_fallen(
    floor: dict[str, float], learns: bool
) -> None:
    """At weight 0 it would stand still under encoders that move, and stay at 0 for that reason."""
    model = student(2)
    method = started(model, super_epoch=1, **floor)
    for epoch, fused in enumerate([1.0, 1.1]):  # noise, or chance
        method.on_epoch_start(epoch)
        method.step(data(2, epoch, False))
        alone = dict.fromkeys(NAMES[:2], 1.5 - 0.1 * epoch)
        method.on_validation_end({"loss": {"fused": fused, **alone}})
    before = params_of(model)["fusion"]
    method.on_epoch_start(2)
    method.step(data(2, 2, False))
    assert torch.equal(params_of(model)["fusion"], before) != learns


def test_a_loss_that_was_not_measured_keeps_its_weight() -> None:
    before = {"fused": 0.2, "sound": 0.3, "image": 0.5}
    start = {"fused": [2.0, 2.0], "sound": [2.0, 2.0], "image": [2.0, float("nan")]}
    end = {"fused": [1.0, 1.5], "sound": [1.0, 1.25], "image": [1.0, float("nan")]}
    found = gradient_blending_weights(before, start, end, 0.01)
    assert found["image"] == 0.5
    assert sum(found.values()) == pytest.approx(1)
    assert found["sound"] == pytest.approx(6 * found["fused"])


def test_a_modality_that_no_sample_has_keeps_its_weight() -> None:
    model = student(2)
    method = started(model, super_epoch=1)
    for epoch in range(3):
        method.on_epoch_start(epoch)
        batch = data(2, epoch, False)
        batch.present = {"image": torch.zeros(len(batch), dtype=torch.bool)}
        assert torch.isfinite(method.step(batch))
        seen = {name: VALIDATION[epoch][name] for name in ("fused", "sound")}
        method.on_validation_end({"loss": seen})
    assert method.weights["image"] == pytest.approx(1 / 3)


def test_taken_up_inside_a_super_epoch_it_ends_in_the_same_weights() -> None:
    wholes = []
    for stop in (None, 1, 2, 3, 4):
        model = student(2)
        method = started(model, super_epoch=2)
        for epoch in range(5):
            if epoch == stop:
                saved = method.state_dict()
                method = started(model, super_epoch=2)
                method.load_state_dict(saved)
            method.on_epoch_start(epoch)
            for s in range(2):
                method.step(data(2, 10 * epoch + s, False))
            method.on_validation_end({"loss": VALIDATION[epoch]})
        wholes.append((method.weights, params_of(model)))
    for weights, params in wholes[1:]:
        assert weights == wholes[0][0]
        assert same(params, wholes[0][1])


@pytest.mark.parametrize("fusion", ["late", "film"])
def test_the_fused_loss_alone_is_joint_training_bit_for_bit(fusion: str) -> None:
    options = {"weights": {"fused": 0.3, "near": 0.0}}
    found = state(fitted(recipe("gradient_blending", 2, options, fusion=fusion), splits(2)))
    assert same(found, state(fitted(recipe("joint", 2, fusion=fusion), splits(2))))


def test_each_modality_is_read_by_a_classifier_of_its_own() -> None:
    """Also where the fusion has terms that could serve."""
    model = student(2)
    widths = model.fusion.widths
    late = g2d.MultimodalModel(dict(model.encoders), g2d.LateFusion(widths, 4))
    GradientBlending(late, CLASSES)
    features = {name: torch.randn(3, width) for name, width in widths.items()}
    fused, unimodal = late.fusion(features)
    assert not torch.allclose(fused, torch.stack(list(unimodal.values())).mean(dim=0))


def test_weights_of_modalities_that_are_not_there_are_refused() -> None:
    model = student(2)
    with pytest.raises(g2d.UserError, match=r"weights is given for \['taste'\]"):
        started(model, weights={"fused": 1.0, "taste": 1.0})
    assert isinstance(model.fusion, ConcatFusion)  # the model that was refused is as it was


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"super_epoch": 0}, "super_epoch must be 1 or more"),
        ({"overfitting_floor": 0.0}, "overfitting_floor must be above 0"),
        ({"weight_floor": 1.5}, "weight_floor must be between 0 and 1"),
        ({"weights": {"fused": -1.0}}, r"weights.fused must be 0 or more"),
        ({"weights": {"fused": 0.0}}, "weights must have a sum above 0"),
        ({"weights": {}}, "weights must have a sum above 0"),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(g2d.UserError, match=words):
        GradientBlending(student(2), CLASSES, **options)
