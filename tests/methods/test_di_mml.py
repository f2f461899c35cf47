"""DI-MML: training by the equations, who teaches whom, what is at rest in stage 2."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import g2d
from g2d.functional.dimensions import nearest_class
from g2d.methods.di_mml import DIMML, contrast
from g2d.methods.heads.di_mml import DetachedFusion
from methods.small import NAMES, TASKS, WIDTHS, batch, encoder, same, sgd, weights
from reference import di_mml as paper
from reference import g2d as networks

TASK = TASKS["classification"]
EPOCHS, BATCHES = 6, 3
# L_DUC from the third epoch on, the fused head in the last two.
OPTIONS: dict[str, Any] = {
    "shared_weight": 0.7,
    "contrast_from": 0.33,
    "contrast_temperature": 2.0,
    "fusion_share": 0.33,
}


def student(names: Sequence[str]) -> g2d.MultimodalModel:
    torch.manual_seed(0)
    encoders = {name: encoder(name) for name in names}
    late = g2d.LateFusion({name: WIDTHS[name] for name in names}, TASK.outputs)
    return g2d.MultimodalModel(encoders, late)


def data(names: Sequence[str], missing: bool = False) -> list[g2d.Batch]:
    return [batch(names, TASK, size=9, seed=s, missing=missing) for s in range(BATCHES)]


def started(
    names: Sequence[str], batches: Sequence[g2d.Batch], **options: Any
) -> tuple[DIMML, g2d.MultimodalModel]:
    model = student(names)
    method = DIMML(model, TASK, **options)
    loop = g2d.Loop(sgd(model), epochs=EPOCHS, iter_train=lambda fraction, seed: batches)
    method.on_fit_start(loop)
    return method, model


def zeroed(seen: g2d.Batch) -> dict[str, torch.Tensor]:
    inputs = {name: rows.clone() for name, rows in seen.inputs.items()}
    for name, present in seen.present.items():
        inputs[name][~present] = 0.0
    return inputs


@pytest.mark.parametrize("missing", [False, True])
@pytest.mark.parametrize("names", [("image", "gas"), NAMES[:2], NAMES[:3]])
def test_training_follows_the_equations(names: tuple[str, ...], missing: bool) -> None:
    batches = data(names, missing)
    method, model = started(names, batches, **OPTIONS)
    expected = iter(
        paper.train(
            weights(model),
            [key for key, _ in model.named_parameters()],
            names,
            [
                networks.Sample(
                    e + 1, zeroed(b), b.target, {m: p.tolist() for m, p in b.present.items()}
                )
                for e in range(EPOCHS)
                for b in batches
            ],
            networks.SGD(rate=0.05, momentum=0.9, decay=0.02),
            width=max(WIDTHS[name] for name in names),
            classes=TASK.outputs,
            contrast_epoch=3,
            fusing_epoch=5,
            weight=0.7,
            temperature=2.0,
            batches=BATCHES,
        )
    )
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        for seen in batches:
            loss, params, dims = next(expected)
            assert float(method.step(seen)) == pytest.approx(loss, rel=1e-4)
            for key, value in model.named_parameters():
                torch.testing.assert_close(
                    value,
                    params[key].float(),
                    rtol=2e-3,
                    atol=2e-5,
                    msg=lambda m, k=key: f"{k} {m}",
                )
        if epoch < 4:
            found = {name: chosen.tolist() for name, chosen in method._effective.items()}
            assert found == dims
            assert bool(found) == (epoch >= 2)


# --- stage 1 --------------------------------------------------------------------------------------


def test_with_nothing_shared_it_is_each_modality_trained_alone() -> None:
    names = ("image", "gas")
    batches = data(names)
    method, model = started(names, batches, shared_weight=0.0, contrast_from=1.0, fusion_share=0.0)
    alone = {}
    for name in names:
        torch.manual_seed(0)
        single = g2d.UnimodalModel(name, encoder(name), WIDTHS[name], TASK.outputs)
        single.encoder.load_state_dict(model.encoders[name].state_dict())
        assert isinstance(model.fusion, DetachedFusion)
        single.head.load_state_dict(model.fusion.heads[name].state_dict())
        alone[name] = single
    optimizers = {name: sgd(single) for name, single in alone.items()}
    for epoch in range(EPOCHS):
        method.on_epoch_start(epoch)
        for seen in batches:
            method.step(seen)
            for name, single in alone.items():
                TASK.loss(single(seen).logits, seen.target).backward()
                optimizers[name].step()
                optimizers[name].zero_grad()
    for name, single in alone.items():
        assert same(weights(model.encoders[name]), weights(single.encoder))


def test_only_the_destination_learns_and_only_in_the_chosen_dimensions() -> None:
    torch.manual_seed(0)
    features = {"sound": torch.randn(6, 4, requires_grad=True), "image": torch.randn(6, 4)}
    features["image"].requires_grad_()
    effective = {
        "sound": torch.tensor([True, True, False, False]),
        "image": torch.tensor([True, False, False, False]),
    }
    # sound knows dimension 1, which image does not; image knows nothing that sound does not
    loss = contrast(features, effective, batch(["sound"], TASK), 1.0)
    sound, image = torch.autograd.grad(loss, [features["sound"], features["image"]])
    assert (sound == 0).all()
    assert (image[:, [0, 2, 3]] == 0).all()
    assert (image[:, 1] != 0).all()


def test_with_no_dimension_to_hand_over_the_loss_is_log_b() -> None:
    features = {name: torch.randn(6, 4, requires_grad=True) for name in ("sound", "image")}
    nothing = dict.fromkeys(features, torch.zeros(4, dtype=torch.bool))
    loss = contrast(features, nothing, batch(["sound"], TASK), 1.0)
    torch.testing.assert_close(loss, 2 * torch.tensor(6.0).log())
    for gradient in torch.autograd.grad(loss, list(features.values())):
        assert (gradient == 0).all()


@given(st.integers(1, 5), st.integers(0, 1000))
def test_the_nearest_mean_is_that_of_brute_force(classes: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    means, features = (torch.randn(n, 3, generator=generator) for n in (classes, 7))
    means[: classes // 3] = torch.nan  # classes without samples
    distance = (features[:, None] - means).abs().nan_to_num(nan=torch.inf)
    assert torch.equal(nearest_class(means, features), distance.argmin(dim=1))


def test_dimensions_are_chosen_once_and_saved() -> None:
    names = NAMES[:2]
    looks: list[float] = []
    batches = data(names)
    method, model = started(names, batches, **OPTIONS)

    def iter_train(fraction: float, seed: int) -> list[g2d.Batch]:
        looks.append(fraction)
        return batches

    method.loop._iter_train = iter_train
    for epoch in range(EPOCHS):
        before = weights(model)
        method.on_epoch_start(epoch)
        assert epoch >= 4 or same(before, weights(model))
        for seen in batches:
            method.step(seen)
    assert looks == [1.0, 1.0]
    again, _ = started(names, batches, **OPTIONS)
    again.load_state_dict(method.state_dict())
    again.loop._iter_train = None
    again.on_epoch_start(3)
    assert again._effective.keys() == set(names)


# --- stage 2 --------------------------------------------------------------------------------------


def test_in_stage_two_only_the_fused_head_moves() -> None:
    names = NAMES[:3]
    batches = data(names, missing=True)
    method, model = started(names, batches, **OPTIONS)
    for epoch in range(EPOCHS):
        model.train()
        method.on_epoch_start(epoch)
        fusing = epoch >= 4
        assert method.active() == (frozenset() if fusing else None)
        assert method.stage() == ("fusing" if fusing else "apart")
        assert all(part.training != fusing for part in model.encoders.values())
        before = weights(model)
        for seen in batches:
            method.step(seen)
        for key, value in weights(model).items():
            moved = not torch.equal(value, before[key])
            if "fused.heads" in key:
                assert moved == fusing, key
            elif key != "fusion.fused_takes_part":
                assert moved != fusing, key


def test_the_fused_source_speaks_from_stage_two_on() -> None:
    method, model = started(NAMES[:2], data(NAMES[:2]), **OPTIONS)
    assert isinstance(model.fusion, DetachedFusion)
    for epoch in (0, 3):
        method.on_epoch_start(epoch)
        assert not model.fusion.fused_takes_part
    method.on_epoch_start(4)
    assert model.fusion.fused_takes_part


@pytest.mark.parametrize(("epochs", "fusing_from"), [(20, 18), (150, 132), (4, 3)])
def test_shares_follow_the_length_of_the_run(epochs: int, fusing_from: int) -> None:
    method, _ = started(NAMES[:2], data(NAMES[:2]), contrast_from=1.0)
    method.loop._epochs = epochs
    fusing = []
    for epoch in range(epochs):
        method.on_epoch_start(epoch)
        fusing.append(method.fusing)
    assert fusing == [epoch >= fusing_from for epoch in range(epochs)]


# --- several batches in a step, errors ------------------------------------------------------------


@pytest.mark.parametrize("epoch", [0, 5])
def test_a_step_of_two_batches_is_one_of_their_mean_loss(epoch: int) -> None:
    names = NAMES[:2]
    one, two = (batch(names, TASK, size=6, seed=s) for s in (1, 2))
    alone = []
    for part in (one, two):
        method, model = started(names, [one, two], **OPTIONS)
        method.on_epoch_start(epoch)
        model.eval()  # batch norm would tell the batches apart
        before = weights(model)
        loss = method.step(part)
        moved = {k: v.double() - before[k].double() for k, v in model.named_parameters()}
        alone.append((loss, moved))
    method, model = started(names, [one, two], **OPTIONS)
    method.on_epoch_start(epoch)
    model.eval()
    before = weights(model)
    assert float(method.step(one, two)) == pytest.approx(float(alone[0][0] + alone[1][0]) / 2)
    for key, value in model.named_parameters():
        expected = (alone[0][1][key] + alone[1][1][key]) / 2
        torch.testing.assert_close(value.double() - before[key], expected, rtol=1e-4, atol=1e-6)


def test_its_fusion_takes_the_place_of_any_other() -> None:
    model = student(NAMES[:2])
    widths = model.fusion.widths
    method = DIMML(model, TASK, certainty_temperature=3.0)
    assert isinstance(model.fusion, DetachedFusion)
    assert model.fusion is method.fusion
    assert (model.fusion.widths, model.fusion.outputs) == (widths, TASK.outputs)
    assert model.fusion.temperature == 3.0


@pytest.mark.parametrize(
    ("options", "word"),
    [
        ({"shared_weight": -1.0}, "shared_weight"),
        ({"contrast_from": 1.5}, "contrast_from"),
        ({"fusion_share": -0.1}, "fusion_share"),
        ({"contrast_temperature": 0.0}, "contrast_temperature"),
        ({"certainty_temperature": 0.0}, "certainty_temperature"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], word: str) -> None:
    with pytest.raises(g2d.UserError, match=word):
        DIMML(student(NAMES[:2]), TASK, **options)


def test_it_needs_classes() -> None:
    for kind in ("multilabel", "regression"):
        with pytest.raises(g2d.UserError, match="Classification"):
            DIMML(student(NAMES[:2]), TASKS[kind])
