"""AMCo against its equations, and what its masks may and may not do."""

from __future__ import annotations

from typing import Any

import pytest
import torch

import g2d
from g2d.methods.amco import AMCo, dependence
from g2d.models.fusion import FiLMFusion, UnimodalHeads
from methods.small import NAMES, TASKS, WIDTHS, batch, encoder, sgd
from reference import amco as paper
from reference import g2d as networks

CLASSES = TASKS["classification"]
EPOCHS, BATCHES = 5, 3


def started(
    names: tuple[str, ...], fusion: Any = g2d.LateFusion, **options: Any
) -> tuple[AMCo, g2d.MultimodalModel]:
    torch.manual_seed(0)
    encoders = {name: encoder(name) for name in names}
    inner = fusion({name: WIDTHS[name] for name in names}, CLASSES.outputs)
    model = g2d.MultimodalModel(encoders, inner)
    method = AMCo(model, CLASSES, **options)
    method.on_fit_start(g2d.Loop(sgd(model), epochs=EPOCHS))
    return method, model


PLANS = {
    "as it is": paper.Plan(mask=1.0, ramp=0.3, threshold=0.5, weight=1.0),
    "slow, partly": paper.Plan(mask=0.7, ramp=1.0, threshold=0.4, weight=0.0),
    "everybody": paper.Plan(mask=0.6, ramp=0.5, threshold=0.0, weight=0.3),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", PLANS)
def test_training_follows_the_equations(name: str, missing: bool, k: int) -> None:
    names, plan = NAMES[:k], PLANS[name]
    method, model = started(names, **vars(plan))
    epochs = [
        [batch(names, CLASSES, seed=10 * e + s, missing=missing) for s in range(BATCHES)]
        for e in range(EPOCHS)
    ]
    generator = torch.Generator().manual_seed(0)
    samples, orders = [], []
    for epoch, batches in enumerate(epochs):
        for data in batches:
            inputs = {m: data.input_of(m) for m in names}
            present = {m: mask.tolist() for m, mask in data.present.items()}
            samples.append(networks.Sample(epoch + 1, inputs, data.target, present))
            # nothing is masked in the first epoch, so nothing is drawn
            draw = sorted(names) if epoch else ()
            orders.append(
                {m: torch.randperm(WIDTHS[m], generator=generator).tolist() for m in draw}
            )
    expected = iter(
        paper.train(
            networks.Task("classification"),
            plan,
            EPOCHS,
            {key: value.clone() for key, value in model.state_dict().items()},
            [key for key, _ in model.named_parameters()],
            samples,
            orders,
            networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
        )
    )
    seen = set()
    for epoch, batches in enumerate(epochs):
        method.on_epoch_start(epoch)
        for data in batches:
            loss, depends, params = next(expected)
            assert method.step(data).item() == pytest.approx(loss, rel=1e-4)
            assert {m for m, flag in method.dependent.items() if flag} == depends
            seen |= depends
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value.detach().double(), params[key], rtol=1e-4, atol=2e-6, msg=key
                )
    if plan.threshold < 1 / k or k == 2:
        assert seen  # or nothing was ever masked


def test_the_share_masked_grows_and_then_stays() -> None:
    method, _ = started(("sound", "image"), mask=0.8, ramp=0.5)
    rates = []
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)
        rates.append(method.rate)
    assert rates[0] == 0
    assert rates == sorted(rates)
    assert rates[3:] == [0.8, 0.8]


def test_only_what_the_model_depends_on_is_masked() -> None:
    method, _ = started(("sound", "image"), mask=0.5, ramp=0.1)
    method.on_epoch_start(1)
    method.dependent = {"sound": torch.tensor(True), "image": torch.tensor(False)}
    widths = dict.fromkeys(("sound", "image"), 100)
    factors = method.masked(widths, 7)
    assert (factors["image"] == 1).all()
    assert (factors["sound"] == 0).sum() == 50
    assert set(factors["sound"].unique().tolist()) == {0.0, 2.0}
    assert factors["sound"].shape == (1, 100)  # one mask for the batch
    assert torch.equal(method.masked(widths, 3)["sound"], factors["sound"])  # and for the step
    method.adjust_gradients()
    assert not torch.equal(method.masked(widths, 7)["sound"], factors["sound"])


def test_what_is_left_of_nearly_nothing_does_not_explode() -> None:
    method, _ = started(("sound", "image"), mask=0.99, ramp=0.1)
    method.on_epoch_start(1)
    method.dependent = dict.fromkeys(("sound", "image"), torch.tensor(True))
    factors = method.masked(dict.fromkeys(("sound", "image"), 100), 1)
    assert factors["sound"].max() == 10


def test_dependence_is_a_share() -> None:
    data = batch(("sound", "image"), CLASSES)
    data.present["image"] = torch.arange(len(data)) > 0
    says = {"sound": torch.zeros(len(data), 4), "image": torch.full((len(data), 4), 2.0)}
    shares = dependence(g2d.Outputs(says["sound"], {}, says), data)
    image = torch.tensor(2.0).sigmoid() * (len(data) - 1)
    torch.testing.assert_close(shares, torch.stack([len(data) - image, image]))


def test_nothing_is_masked_in_evaluation() -> None:
    names = ("sound", "image")
    method, model = started(names)
    method.on_epoch_start(4)
    method.dependent = dict.fromkeys(names, torch.tensor(True))
    data = batch(names, CLASSES)
    unchanged = g2d.LateFusion({name: WIDTHS[name] for name in names}, CLASSES.outputs)
    unchanged.load_state_dict(model.fusion.state_dict())
    for training in (True, False):
        model.train(training)
        outputs = model(data)
        unmasked = unchanged(outputs.features)[0]
        assert torch.equal(outputs.logits, unmasked) != training


def test_beside_other_fusions_heads_train_the_encoders_too() -> None:
    method, model = started(("sound", "image"), fusion=FiLMFusion)
    assert isinstance(model.fusion, UnimodalHeads)
    assert not model.fusion.detached
    before = model.fusion.heads["sound"].weight.clone()
    method.step(batch(("sound", "image"), CLASSES))
    assert not torch.equal(model.fusion.heads["sound"].weight, before)


@pytest.mark.parametrize(
    "wrong", [{"mask": 1.5}, {"ramp": 0.0}, {"threshold": -0.1}, {"weight": -1.0}]
)
def test_options_out_of_range_are_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(g2d.UserError, match=next(iter(wrong))):
        started(("sound", "image"), **wrong)
