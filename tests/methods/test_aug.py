"""AUG against its equations: what a turn trains, and who is given one more classifier."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.methods.aug import AUG
from g2d.methods.heads.aug import GrowingClassifiers
from g2d.methods.smp import SequentialPrioritization
from methods.small import NAMES, OPTIMIZERS, TASKS, bank, batch, student, weights
from reference import aug as paper

CLASSES = TASKS["classification"]
WIDTHS = {"sound": 5, "image": 4, "depth": 5}


def linear(k: int) -> g2d.MultimodalModel:
    """Linear encoders; `image` has a width of its own."""
    torch.manual_seed(2)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    encoders = {name: nn.Linear(6, width) for name, width in widths.items()}
    return g2d.MultimodalModel(encoders, g2d.LateFusion(widths, 4))


def samples(k: int, seed: int, missing: bool = False) -> g2d.Batch:
    made = batch(NAMES[:k], CLASSES, seed=seed, missing=missing)
    made.inputs = {name: value.flatten(1)[:, :6] for name, value in made.inputs.items()}
    return made


def told(
    model: g2d.MultimodalModel, optimizer: str = "sgd", epochs: int = 6, **options: Any
) -> AUG:
    method = AUG(model.train(), CLASSES, **{"hidden": 3, "most": 5, **options})
    method.on_fit_start(g2d.Loop(OPTIMIZERS[optimizer](model), epochs=epochs))
    method.on_epoch_start(0)
    return method


def flat(model: g2d.MultimodalModel) -> dict[str, Tensor]:
    """Parameters by the names of the reference."""
    return {
        key.replace("encoders.", "encoder.").replace("fusion.", ""): value.detach().clone()
        for key, value in model.named_parameters()
    }


CASES: dict[str, dict[str, Any]] = {
    "default": {},
    "every other epoch": {"every": 2},
    "nothing taken off, two at most": {"discount": 0.0, "most": 2},
    "all taken off": {"discount": 1.0},
    "nobody is far enough behind": {"tolerance": 9.0},
    "as in the published code": {"trained": False},
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_reference(name: str, missing: bool, k: int) -> None:
    options = {"every": 1, "most": 5, **CASES[name]}
    model = linear(k)
    method = told(model, **options)
    epochs = [[samples(k, 10 * e + s, missing) for s in range(3)] for e in range(5)]
    expected, last, numbers = paper.train(
        flat(model),
        NAMES[:k],
        [
            [(b.inputs, b.target, {m: p.tolist() for m, p in b.present.items()}) for b in steps]
            for steps in epochs
        ],
        paper.Plan(**options),
    )
    losses, counts = [], []
    for epoch, steps in enumerate(epochs):
        method.on_epoch_start(epoch)
        counts.append({m: method.fusion.classifiers(m) for m in NAMES[:k]})
        losses += [float(method.step(data)) for data in steps]
    assert counts == numbers
    if name != "nobody is far enough behind":
        assert max(counts[-1].values()) > 1
    assert losses == pytest.approx(expected, rel=1e-4)
    for key, value in flat(model).items():
        torch.testing.assert_close(value.double(), last[key], rtol=1e-3, atol=2e-6, msg=key)


def test_a_tenth_of_the_training_lies_between_two_classifiers() -> None:
    """As in the published code: after the first epoch, then after epochs 3, 6, 9 of 30."""
    model = linear(2)
    method = told(model, epochs=30, tolerance=0.0, most=99)
    grown = []
    for epoch in range(11):
        before = sum(method.fusion.used.tolist())
        method.on_epoch_start(epoch)
        grown += [epoch] * (sum(method.fusion.used.tolist()) - before)
        method.step(samples(2, epoch))
    assert grown == [1, 3, 6, 9]


def test_the_prediction_is_the_mean_over_those_that_are_there() -> None:
    torch.manual_seed(0)
    fusion = GrowingClassifiers(WIDTHS, outputs=4, hidden=3).eval()
    fusion.grow("image")
    features = {name: torch.randn(2, width) for name, width in WIDTHS.items()}
    features["sound"][1] = torch.nan
    logits, unimodal = fusion(features, {"sound": torch.tensor([True, False])})
    first = {name: fusion.terms(name, features[name])[:, 0].sum(dim=0) for name in WIDTHS}
    torch.testing.assert_close(logits[0], torch.stack(list(first.values())).mean(dim=0))
    torch.testing.assert_close(logits[1], (unimodal["image"][1] + unimodal["depth"][1]) / 2)
    layers = fusion.layers["image"]
    by_hand = sum(fusion.output(layers[i](features["image"]).relu()) for i in range(2))
    torch.testing.assert_close(unimodal["image"], by_hand)


def test_fixed_weights_are_those_of_the_prediction() -> None:
    fixed = {"sound": 0.4, "image": 0.6}
    fusion = GrowingClassifiers({"sound": 5, "image": 4}, outputs=4, fixed=fixed)
    logits, said = fusion({"sound": torch.randn(2, 5), "image": torch.randn(2, 4)})
    torch.testing.assert_close(logits, 0.4 * said["sound"] + 0.6 * said["image"])


def test_as_many_classifiers_as_were_saved() -> None:
    one, other = (GrowingClassifiers(WIDTHS, outputs=4, most=3) for _ in range(2))
    features = {name: torch.randn(2, width) for name, width in WIDTHS.items()}
    for _ in range(5):
        one.grow("depth")
    assert one.used.tolist() == [1, 1, 3]
    other(features)
    other.load_state_dict(one.state_dict())
    assert torch.equal(other(features)[0], one(features)[0])
    copied = deepcopy(one)
    copied.grow("sound")
    assert (copied.classifiers("sound"), one.classifiers("sound")) == (2, 1)


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("trained", [True, False])
def test_a_turn_leaves_the_others_and_what_is_not_in_use_as_they_are(
    optimizer: str, trained: bool
) -> None:
    names = NAMES[:3]
    model = student(names, 4)
    method = told(model, optimizer, trained=trained)
    method.fusion.grow("image")
    method.step(batch(names, CLASSES))  # momentum for all
    for name in names:
        before = weights(model)
        method._step_of(name, (batch(names, CLASSES, seed=1),))
        moved = {
            key for key, value in weights(model).items() if not torch.equal(value, before[key])
        }
        used = 2 if name == "image" and trained else 1
        layers = {
            f"fusion.layers.{name}.{i}.{what}" for i in range(used) for what in ("weight", "bias")
        }
        shared = {"fusion.output.weight", "fusion.output.bias"}
        assert {key for key in moved if key.startswith("fusion.")} == layers | shared
        assert all(key.startswith((f"encoders.{name}.", "fusion.")) for key in moved)


def test_halves_of_a_batch_add_up_to_the_whole() -> None:
    whole, halves = linear(2), linear(2)
    data = samples(2, 0)
    parts = [
        g2d.Batch({m: x[rows] for m, x in data.inputs.items()}, data.target[rows], data.index[rows])
        for rows in (slice(0, 2), slice(2, 6))
    ]
    one, two = told(whole, every=1), told(halves, every=1)
    halves.load_state_dict(whole.state_dict())
    for epoch in range(3):
        one.on_epoch_start(epoch)
        two.on_epoch_start(epoch)
        assert float(one.step(data)) == pytest.approx(float(two.step(*parts)), rel=1e-5)
    assert one.fusion.used.tolist() == two.fusion.used.tolist()
    for key, value in flat(whole).items():
        torch.testing.assert_close(flat(halves)[key], value)


def test_a_modality_that_nobody_has_is_given_nothing() -> None:
    method = told(linear(2), every=1)
    data = samples(2, 0)
    data.present = {"image": torch.zeros(len(data), dtype=torch.bool)}
    assert method.step(data).isfinite()
    method.on_epoch_start(1)
    assert method.fusion.used.tolist() == [1, 1]


@pytest.mark.parametrize("make", [AUG, g2d.MLA])
def test_a_step_that_failed_half_way_leaves_nothing_behind(make: Any) -> None:
    """As one that ran out of memory, and was caught."""
    ends = []
    for fails in (False, True):
        model = linear(2)
        method = make(model.train(), CLASSES)
        loop = g2d.Loop(torch.optim.SGD(model.parameters(), lr=0.1), epochs=3)
        method.on_fit_start(loop)
        method.on_epoch_start(0)
        if fails:
            right, loop.gradients = loop.gradients, broken  # type: ignore[method-assign]
            with pytest.raises(MemoryError):
                method.step(samples(2, 5))
            loop.gradients = right  # type: ignore[method-assign]
        for seed in range(2):
            method.step(samples(2, seed))
        ends.append((weights(model), method.state_dict()))
    for key, value in ends[0][0].items():
        assert torch.equal(ends[1][0][key], value), key
    for key, value in ends[0][1].items():
        assert torch.equal(ends[1][1][key], value), key


def broken(*arguments: Any, **options: Any) -> Any:
    raise MemoryError


@pytest.mark.parametrize("make", [AUG, g2d.ReconBoost])
def test_weights_of_classes_act(make: Any) -> None:
    losses = []
    for given in (None, [0.1, 10.0, 1.0, 1.0]):
        model = linear(2)
        method = make(model.train(), g2d.Classification(4, weights=given))
        method.on_fit_start(g2d.Loop(torch.optim.SGD(model.parameters(), lr=0.1), epochs=8))
        method.on_epoch_start(0)
        losses.append(float(method.step(samples(2, 0))))
    assert losses[0] != pytest.approx(losses[1], rel=1e-3)


def test_an_average_of_weights_has_as_many_classifiers() -> None:
    fusion = GrowingClassifiers(WIDTHS, outputs=4)
    average = torch.optim.swa_utils.AveragedModel(fusion, use_buffers=True)
    features = {name: torch.randn(2, width) for name, width in WIDTHS.items()}
    fusion.grow("image")
    average.update_parameters(fusion)
    average.module.used.copy_(fusion.used)
    torch.testing.assert_close(average.eval()(features)[0], fusion.eval()(features)[0])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"discount": 1.5}, "discount must be between 0 and 1, got 1.5"),
        ({"tolerance": -0.1}, "tolerance must be 0 or more"),
        ({"every": 0}, "every must be 1 or more, got 0"),
        ({"most": 0}, "most must be 1 or more, got 0"),
        ({"hidden": 0}, "hidden must be 1 or more, got 0"),
        ({"fixed": {"sound": 1.0}}, "give one for each"),
    ],
)
def test_refuses_options_without_meaning(options: dict[str, Any], message: str) -> None:
    with pytest.raises(g2d.UserError, match=message):
        AUG(linear(2), CLASSES, **options)


def test_prioritization_cannot_go_around_it() -> None:
    with pytest.raises(g2d.UserError, match="takes steps of its own"):
        SequentialPrioritization(AUG(linear(2), CLASSES), bank(NAMES[:2], CLASSES), (1, 1))
