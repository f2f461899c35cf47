"""PMR: training by the equations, who is pulled, the prototypes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

import g2d
from g2d.methods.pmr import PMR
from methods.small import NAMES, TASKS, batch, same, sgd, student, weights
from reference import g2d as networks
from reference import pmr as paper

CLASSES = TASKS["classification"]
EPOCHS, BATCHES = 3, 2


def looped(method: PMR, looks: Sequence[Sequence[g2d.Batch]]) -> list[tuple[float, int]]:
    """Tells the method of a loop, which gives one look after the other; the list notes them."""
    asked: list[tuple[float, int]] = []

    def iter_train(fraction: float, seed: int) -> Sequence[g2d.Batch]:
        asked.append((fraction, seed))
        return looks[(len(asked) - 1) % len(looks)]

    optimizer = sgd(method.student.net)
    method.on_fit_start(g2d.Loop(optimizer, epochs=EPOCHS, iter_train=iter_train))
    return asked


def samples(epoch: int, batches: Sequence[g2d.Batch]) -> list[networks.Sample]:
    """An encoder sees zeros where its modality is absent."""
    found = []
    for data in batches:
        inputs = {name: rows.clone() for name, rows in data.inputs.items()}
        for name, present in data.present.items():
            inputs[name][~present] = 0.0
        lists = {name: present.tolist() for name, present in data.present.items()}
        found.append(networks.Sample(epoch, inputs, data.target, lists))
    return found


CASES: dict[str, tuple[dict[str, Any], bool]] = {
    "paper": ({}, False),
    "strong": ({"alpha": 2.0, "entropy": 0.5, "momentum": 0.0}, False),
    "entropy alone": ({"alpha": 0.0, "entropy": 0.5}, False),
    "released": ({"variant": "released"}, False),
    "some missing": ({"entropy": 0.3, "momentum": 0.5}, True),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_equations(name: str, k: int) -> None:
    options, missing = CASES[name]
    names, options = NAMES[:k], {"entropy_epochs": 2, **options}
    model = student(names, CLASSES.outputs)
    epochs = [
        [batch(names, CLASSES, seed=10 * e + s, missing=missing) for s in range(BATCHES)]
        for e in range(EPOCHS)
    ]
    # The first looks do not show all classes.
    looks = [
        [batch(names, CLASSES, size=2 + e, seed=50 + e, missing=missing)] * (1 + e % 2)
        for e in range(EPOCHS)
    ]
    assert len(looks[0][0].target.unique()) < CLASSES.outputs
    plan = paper.Plan(
        options.get("alpha", 1.0),
        options.get("entropy", 0.01),
        options["entropy_epochs"],
        options.get("momentum", 0.2),
        CLASSES.outputs,
        [samples(e + 1, look) for e, look in enumerate(looks)],
        released=options.get("variant") == "released",
    )
    expected = iter(
        paper.train(
            networks.Task("classification"),
            plan,
            {key: value.clone() for key, value in model.state_dict().items()},
            [key for key, _ in model.named_parameters()],
            names,
            [sample for e, batches in enumerate(epochs) for sample in samples(e + 1, batches)],
            networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
        )
    )
    method = PMR(model, CLASSES, **options)
    looped(method, looks)
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            if method.stage() == "joint":  # entropy alone, and its epochs are over
                return
            loss, params = next(expected)
            assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=2e-4, atol=5e-6, msg=key
                )


# --- coefficients ---------------------------------------------------------------------------------


def said(strength: dict[str, float], features: dict[str, torch.Tensor] | None = None) -> Any:
    """A method with two prototypes, and features that give each modality its strength."""
    method = PMR(student(tuple(strength), 2), g2d.Classification(2), entropy=0.3)
    rows = {}
    for name, value in strength.items():
        # On the line between prototypes at 0 and 1, q of the first is σ(1 - 2 x).
        shift = (1 - torch.tensor(value).logit()) / 2
        rows[name] = torch.tensor([[shift]], requires_grad=True)
        method._prototypes[name] = torch.tensor([[0.0], [1.0]])
        method._seen[name] = torch.ones(2, 1, dtype=torch.bool)
    logits = torch.zeros(1, 2, requires_grad=True)
    data = g2d.Batch({n: torch.zeros(1, 1) for n in rows}, torch.tensor([0]), torch.arange(1))
    return method, g2d.Outputs(logits, rows), data


between = st.floats(0.3, 0.7)


@given(between, between)
def test_two_modalities_have_the_papers_coefficients(first: float, second: float) -> None:
    method, outputs, data = said({"sound": first, "image": second})
    q = {name: method._log_q(outputs.features[name], name) for name in outputs.features}
    behind, ahead = method._coefficients(q, data)
    expected = paper.pair_coefficients(first, second)
    assert behind.tolist() == pytest.approx(expected, abs=1e-4)
    assert float(ahead.sum()) == pytest.approx(1)
    if abs(first - second) > 1e-4:
        assert ahead.tolist() == [float(first > second), float(second > first)]


@pytest.mark.parametrize("slowing", [False, True])
def test_only_the_encoder_behind_is_pulled_and_only_the_one_ahead_is_slowed(slowing: bool) -> None:
    method, outputs, data = said({"sound": 0.6, "image": 0.4, "depth": 0.5})
    method._acting, method._slowing = True, slowing
    method.loss(outputs, data).backward()
    pull = {name: float(row.grad) for name, row in outputs.features.items()}
    # Downhill is towards the prototype at 0, so the gradient is positive.
    assert pull["image"] > pull["depth"] > 0
    assert (pull["sound"] == 0) is not slowing
    # More entropy is towards the middle, at one half, to which the one ahead is to come.
    assert not slowing or pull["sound"] < 0
    joint = outputs.logits.grad.clone()
    outputs.logits.grad = None
    g2d.JointTraining(method.student, method.task).loss(outputs, data).backward()
    assert torch.equal(outputs.logits.grad, joint)


# --- prototypes -----------------------------------------------------------------------------------


def test_prototypes_are_the_means_of_classes_in_eval_mode() -> None:
    names = NAMES[:3]
    model = student(names, CLASSES.outputs).train()
    data = [batch(names, CLASSES, size=9, seed=s, missing=True) for s in range(3)]
    method = PMR(model, CLASSES, momentum=0.0, share=0.3, seed=2)
    asked = looped(method, [data])
    before = weights(model)
    for epoch in range(2):
        method.on_epoch_start(epoch)
    assert asked == [(0.3, 2000), (0.3, 2001)]
    assert same(weights(model), before)
    assert all(module.training for module in model.modules())
    model.eval()
    with torch.no_grad():
        features = [model(each).features for each in data]
    for name in names:
        for c in range(CLASSES.outputs):
            rows = [
                feature[name][i]
                for feature, each in zip(features, data, strict=True)
                for i in range(9)
                if each.target[i] == c and (name not in each.present or each.present[name][i])
            ]
            torch.testing.assert_close(method._prototypes[name][c], torch.stack(rows).mean(dim=0))


def test_a_class_that_is_not_looked_at_keeps_its_prototype() -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs).eval()
    whole, part = batch(names, CLASSES, size=40), batch(names, CLASSES, size=40, seed=1)
    part.target = part.target.clamp(min=1)
    method = PMR(model, CLASSES, momentum=0.25)
    looped(method, [[whole], [part], [part]])
    found = []
    for epoch in range(3):
        method.on_epoch_start(epoch)
        found.append(method._prototypes["sound"])
    assert torch.equal(found[0][0], found[1][0])
    assert not torch.equal(found[0][1], found[1][1])
    new = (found[1] - 0.25 * found[0]) / 0.75
    torch.testing.assert_close(found[2][1:], (0.25 * found[1] + 0.75 * new)[1:])


@pytest.mark.parametrize("seen", [[], [0], [0, 2]])
def test_a_class_without_a_prototype_leaves_all_finite(seen: list[int]) -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs)
    look = batch(names, CLASSES, size=6)
    look.target = torch.tensor([seen[i % len(seen)] for i in range(6)] if seen else [0] * 6)
    if not seen:
        look.present = {name: torch.zeros(6, dtype=torch.bool) for name in names}
    method = PMR(model, CLASSES, entropy=1.0)
    looped(method, [[look]])
    method.on_epoch_start(0)
    data = batch(names, CLASSES, seed=5, size=12)
    assert len(data.target.unique()) == CLASSES.outputs
    loss = method.loss(model(data), data)
    assert loss.isfinite()
    loss.backward()
    assert all(p.grad.isfinite().all() for p in model.parameters())


def test_a_feature_on_its_prototype_leaves_all_finite() -> None:
    method, outputs, data = said({"sound": 0.6, "image": 0.4})
    outputs.features["image"] = torch.ones(1, 1, requires_grad=True)
    method._acting = True
    method.loss(outputs, data).backward()
    assert outputs.features["image"].grad.isfinite().all()


def test_looks_do_not_depend_on_the_precision_of_sums() -> None:
    """Under autocast features are of low precision, and their sums are not."""
    torch.manual_seed(0)
    model = g2d.MultimodalModel(
        {name: nn.Linear(6, 5) for name in ("sound", "depth")},
        g2d.LateFusion({"sound": 5, "depth": 5}, CLASSES.outputs),
    )
    data = batch(("sound", "depth"), CLASSES, size=400)
    method = PMR(model, CLASSES)
    looped(method, [[data]])
    method.loop.precision = lambda: torch.autocast("cpu", torch.bfloat16)  # type: ignore[method-assign]
    method.on_epoch_start(0)
    with torch.no_grad(), torch.autocast("cpu", torch.bfloat16):
        low = model(data).features["sound"]
    assert low.dtype == torch.bfloat16
    expected = torch.stack([low.float()[data.target == c].mean(dim=0) for c in range(4)])
    torch.testing.assert_close(method._prototypes["sound"], expected)


# --- when -----------------------------------------------------------------------------------------


def test_out_of_its_window_it_is_joint_training_and_does_not_look() -> None:
    names, found, data = NAMES[:2], [], batch(NAMES[:2], CLASSES)
    method = PMR(student(names, CLASSES.outputs), CLASSES, window=(1, 2), entropy_epochs=1)
    asked = looped(method, [[data]])
    joint = g2d.JointTraining(student(names, CLASSES.outputs), CLASSES)
    joint.on_fit_start(g2d.Loop(sgd(joint.student.net)))
    for each in (method, joint):
        losses = []
        for epoch in range(EPOCHS):
            each.on_epoch_start(epoch)
            if epoch == 1 and each is method:
                assert each.stage() == "rebalanced"
                continue
            assert each.stage() == "joint"
            if epoch != 1:
                losses.append(each.step(data))
        found.append((losses, weights(each.student.net)))
    assert asked == [(0.1, 1)]
    assert found[0][0] == found[1][0]
    assert same(found[0][1], found[1][1])


def test_the_entropy_term_ends() -> None:
    names = NAMES[:2]
    method = PMR(student(names, CLASSES.outputs), CLASSES, entropy_epochs=1)
    looped(method, [[batch(names, CLASSES)]])
    stages = []
    for epoch in range(2):
        method.on_epoch_start(epoch)
        stages.append(method.stage())
    assert stages == ["rebalanced, slowed", "rebalanced"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"alpha": -1.0}, "alpha must be 0 or more"),
        ({"entropy": float("inf")}, "entropy must be 0 or more"),
        ({"entropy_epochs": -1}, "entropy_epochs must be 0 or more"),
        ({"momentum": 1.0}, "momentum must be 0 or more and below 1"),
        ({"share": 0.0}, "share must be above 0 and at most 1"),
        ({"share": 1.5}, "share must be above 0 and at most 1"),
        ({"window": (1, 0)}, "window must be a start and an end"),
        ({"variant": "official"}, "variant: expected paper or released"),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(g2d.UserError, match=words):
        PMR(student(NAMES[:2], 4), CLASSES, **options)


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_it_needs_classes(kind: str) -> None:
    with pytest.raises(g2d.UserError, match="is defined for Classification"):
        PMR(student(NAMES[:2], TASKS[kind].outputs), TASKS[kind])
