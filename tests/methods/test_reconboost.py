"""ReconBoost against its equations, and what each phase may touch."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

import g2d
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.settings import TrainingSettings
from g2d.methods.heads.reconboost import BoostedSum
from g2d.methods.reconboost import ReconBoost, phase_length
from g2d.methods.smp import SequentialPrioritization
from g2d.models.fusion import FiLMFusion
from g2d.recipes.planning import plan_method
from methods.catalogued import recipe
from methods.small import NAMES, OPTIMIZERS, TASKS, bank, batch, student, weights
from reference import reconboost as paper

CLASSES = TASKS["classification"]
WIDTHS = {"sound": 5, "image": 4, "depth": 5}
SHORT = {"boost_epochs": 1, "rectify_epochs": 1}


def linear(k: int) -> g2d.MultimodalModel:
    """Linear encoders; `image` has a width of its own."""
    torch.manual_seed(2)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    encoders = {name: nn.Linear(6, width) for name, width in widths.items()}
    return g2d.MultimodalModel(encoders, FiLMFusion(widths, 4))


def deep(k: int) -> g2d.MultimodalModel:
    """Encoders with batch norm."""
    return student(NAMES[:k], 4)


def samples(k: int, seed: int, missing: bool = False) -> g2d.Batch:
    made = batch(NAMES[:k], CLASSES, seed=seed, missing=missing)
    made.inputs = {name: value.flatten(1)[:, :6] for name, value in made.inputs.items()}
    return made


def told(
    model: g2d.MultimodalModel, optimizer: str = "sgd", epochs: int = 8, **options: Any
) -> ReconBoost:
    method = ReconBoost(model.train(), CLASSES, **{"hidden": 7, **options})
    method.on_fit_start(g2d.Loop(OPTIMIZERS[optimizer](model), epochs=epochs))
    return method


def begin(method: ReconBoost, epoch: int) -> None:
    method.student.net.train()
    method.on_epoch_start(epoch)


def flat(model: g2d.MultimodalModel) -> dict[str, Tensor]:
    """Parameters by the names of the reference."""
    found = {}
    for key, value in model.named_parameters():
        short = key.replace("encoders.", "encoder.").replace("fusion.adapters.", "adapter.")
        found[short.replace("fusion.", "")] = value.detach().clone()
    return found


CASES = {
    "released": paper.Plan(1, 1),
    "longer phases": paper.Plan(2, 1, w1=4.0, w2=2.5),
    "kl": paper.Plan(1, 2, "kl", w2=2.0),
    "mcr": paper.Plan(1, 1, mcr=3.0),
}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("name", CASES)
def test_training_follows_the_equations(name: str, missing: bool, k: int) -> None:
    plan, model = CASES[name], linear(k)
    method = told(
        model,
        objective=plan.objective,
        w1=plan.w1,
        w2=plan.w2,
        boost_epochs=plan.boost,
        rectify_epochs=plan.rectify,
        mcr=plan.mcr > 0,
        alpha=plan.mcr,
    )
    epochs = [[samples(k, 10 * e + s, missing) for s in range(2)] for e in range(8)]
    expected, last = paper.train(
        flat(model),
        NAMES[:k],
        [
            [(b.inputs, b.target, {m: p.tolist() for m, p in b.present.items()}) for b in steps]
            for steps in epochs
        ],
        plan,
    )
    losses = []
    for epoch, steps in enumerate(epochs):
        begin(method, epoch)
        losses += [float(method.step(data)) for data in steps]
    assert losses == pytest.approx(expected, rel=1e-3)
    for key, value in flat(model).items():
        torch.testing.assert_close(value.double(), last[key], rtol=2e-3, atol=1e-5, msg=key)


def test_the_cases_differ_from_each_other() -> None:
    """Or the test above would say little of what they are about."""
    given = [[(b.inputs, b.target, b.present) for b in [samples(2, e)]] for e in range(8)]
    model = linear(2)
    told(model)
    start = flat(model)
    losses = [
        paper.train(start, NAMES[:2], given, plan)[0]
        for plan in (
            CASES["released"],
            replace(CASES["released"], w2=4.0),
            replace(CASES["released"], objective="kl"),
            CASES["mcr"],
        )
    ]
    for one in losses:
        assert sum(other == pytest.approx(one, rel=1e-3) for other in losses) == 1


# --- the boosting phase ---------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("mcr", [False, True])
def test_partners_do_not_change_at_all_while_one_boosts(optimizer: str, mcr: bool) -> None:
    model = deep(3)
    method = told(model, optimizer, mcr=mcr, **SHORT)
    for epoch in range(6):
        begin(method, epoch)
        before = weights(model)
        for seed in range(2):
            method.step(batch(NAMES[:3], CLASSES, seed=seed))
        booster = NAMES[epoch // 2]
        for key, value in weights(model).items():
            encoder_of = key.split(".")[1] if key.startswith("encoders.") else None
            adapter_of = key.split(".")[2] if key.startswith("fusion.adapters.") else None
            of = encoder_of or adapter_of
            rests = epoch % 2 == 0 and (of not in (None, booster) or key == "fusion.rate")
            moves = not torch.equal(value, before[key])
            assert not (rests and moves), key
            if not rests and key.endswith("0.weight"):
                assert moves, key


def test_partners_answer_as_in_evaluation() -> None:
    model = deep(2)
    method = told(model, **SHORT)
    begin(method, 2)
    modes = {name: encoder.training for name, encoder in model.encoders.items()}
    assert modes == {"sound": False, "image": True}
    begin(method, 3)
    assert all(encoder.training for encoder in model.encoders.values())


def boosted(method: ReconBoost, model: g2d.MultimodalModel, said: dict[str, Tensor]) -> Tensor:
    """The loss of what the modalities of two samples say, both of class 0."""
    inputs = {name: torch.zeros(len(rows), 1) for name, rows in said.items()}
    data = g2d.Batch(inputs, torch.zeros(2, dtype=torch.long), torch.arange(2))
    return method.loss(g2d.Outputs(torch.stack([*said.values()]).sum(dim=0), {}, said), data)


def test_what_the_others_know_weighs_less() -> None:
    model = linear(2)
    method = told(model, **SHORT)
    begin(method, 2)  # image boosts
    z = torch.zeros(2, 4)
    losses = []
    for sure in (-3.0, 0.0, 3.0, 9.0):
        rest = torch.zeros(2, 4)
        rest[:, 0] = sure
        losses.append(float(boosted(method, model, {"sound": rest, "image": z})))
    assert losses == sorted(losses, reverse=True)
    assert losses[0] > losses[-1]
    assert losses[-1] == pytest.approx((5 - 1) / 4 * math.log(4), rel=1e-3)


def test_with_w2_at_0_it_is_unimodal_training() -> None:
    model = linear(2)
    method = told(model, w1=3.0, w2=0.0, **SHORT)
    begin(method, 2)
    said = {name: torch.randn(2, 4) for name in NAMES[:2]}
    alone = F.cross_entropy(said["image"], torch.zeros(2, dtype=torch.long))
    assert boosted(method, model, said) == pytest.approx(3 / 4 * float(alone), rel=1e-5)


def test_the_gradient_of_kl_is_the_closed_form() -> None:
    model = linear(3)
    method = told(model, objective="kl", w1=4.0, w2=1.0, **SHORT)
    with torch.no_grad():
        model.fusion.rate.fill_(1.7)
    begin(method, 2)
    said = {name: torch.randn(2, 4) for name in NAMES[:3]}
    said["image"].requires_grad_()
    (found,) = torch.autograd.grad(boosted(method, model, said), said["image"])
    p = said["image"].detach().softmax(dim=1)
    rest = (1.7 * (said["sound"] + said["depth"])).softmax(dim=1)
    y = F.one_hot(torch.zeros(2, dtype=torch.long), 4)
    torch.testing.assert_close(found, ((p - y) - 0.25 * (p - rest)) / 2)


def test_at_first_nobody_knows_anything() -> None:
    model = linear(2)
    method = told(model, **SHORT)
    begin(method, 0)
    z, losses = torch.randn(2, 4), []
    for sure in (0.0, 9.0):
        said = {"sound": z, "image": torch.full((2, 4), sure).triu()}
        losses.append(float(boosted(method, model, said)))
    assert losses[0] == losses[1]


# --- phases ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("fabric", [False, True])
def test_every_phase_begins_with_a_fresh_optimizer(optimizer: str, fabric: bool) -> None:
    """Fabric wraps the optimizer that is handed to the loop."""
    model = deep(2)
    method = ReconBoost(model.train(), CLASSES, boost_epochs=2, rectify_epochs=1)
    made = OPTIMIZERS[optimizer](model)
    if fabric:
        devices = TrainingSettings(accelerator="cpu").make_fabric()
        method.on_fit_start(FabricLoop(devices, *devices.setup(model, made), epochs=6))
        made.load_state_dict(made.state_dict())  # as a resumed run does: the state is a new one
    else:
        method.on_fit_start(g2d.Loop(made, epochs=6))
    for epoch in range(6):
        begin(method, epoch)
        fresh = epoch % 3 != 1
        assert (len(made.state) == 0) == fresh, epoch
        method.step(batch(NAMES[:2], CLASSES, seed=epoch))
        assert len(made.state) > 0


@pytest.mark.parametrize("k", [2, 3])
def test_a_short_training_gives_every_modality_two_stages(k: int) -> None:
    for epochs in range(4 * k, 200):
        length = phase_length(epochs, k)
        assert 1 <= length <= 4
        assert 2 * length * 2 * k <= epochs
        assert length == 4 or 2 * (length + 1) * 2 * k > epochs


def test_stages_go_round() -> None:
    method = told(linear(3), boost_epochs=2, rectify_epochs=1)
    seen = []
    for epoch in range(12):
        begin(method, epoch)
        seen.append(method.stage())
    expected = []
    for name in ("sound", "image", "depth", "sound"):
        expected += [f"{name} boosts"] * 2 + ["rectification"]
    assert seen == expected


# --- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"w1": 1.0}, "w2 must be below w1"),
        ({"w1": 0.0}, "w1 must be above 0"),
        ({"alpha": -1.0}, "alpha must be 0 or more"),
        ({"boost_epochs": 0}, "boost_epochs must be 1 or more"),
        ({"rectify_epochs": -1}, "rectify_epochs must be 1 or more"),
        ({"objective": "paper"}, "expected released or kl"),
    ],
)
def test_options_that_make_no_sense(options: dict[str, Any], said: str) -> None:
    with pytest.raises(g2d.UserError, match=said):
        told(linear(2), **options)


@pytest.mark.parametrize("kind", ["regression", "multilabel"])
def test_it_is_for_classes(kind: str) -> None:
    with pytest.raises(g2d.UserError, match="is defined for Classification"):
        ReconBoost(linear(2), TASKS[kind])


def test_prioritization_cannot_go_around_it() -> None:
    with pytest.raises(g2d.UserError, match="orders the modalities by itself"):
        SequentialPrioritization(told(linear(2)), bank(NAMES[:2], CLASSES), schedule=(1, 1))
    made = recipe("reconboost+smp", 2)
    with pytest.raises(g2d.UserError, match="orders the modalities by itself"):
        plan_method(made, tuple(made.encoders))


def test_the_head_can_be_linear() -> None:
    model = linear(2)
    told(model, hidden=0)
    assert isinstance(model.fusion, BoostedSum)
    assert [tuple(p.shape) for p in model.fusion.head.parameters()] == [(4, 5), (4,)]
