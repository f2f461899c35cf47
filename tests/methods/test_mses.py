"""MSES: the rule of the stopwatch, the way back, and what never moves again."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

import g2d
from g2d.methods.mses import MSES
from g2d.models.fusion import ConcatFusion, FiLMFusion, Fusion, UnimodalHeads
from methods.catalogued import fitted, recipe, splits
from methods.small import NAMES, OPTIMIZERS, TASKS, batch, same, student, weights
from reference import mses as rule
from reference.g2d import SGD, Task

CLASSES = TASKS["classification"]
# By epoch: one stops soon, one falls throughout, one falls late.
VALIDATION = {
    "sound": [1.0, 1.2, 1.3, 1.4, 1.5, 1.6],
    "image": [2.0, 1.9, 1.8, 1.7, 1.6, 1.5],
    "depth": [1.0, 0.9, 1.3, 1.4, 1.4, 1.4],
    "fused": [1.0, 0.99, 0.9, 0.8, 0.7, 0.6],
}


def measured(names: Sequence[str], epoch: int) -> dict[str, Any]:
    loss = {name: VALIDATION[name][epoch] for name in (*names, "fused")}
    return {"loss": loss, "accuracy": loss}


def started(
    model: g2d.MultimodalModel, optimizer: str = "sgd", **options: Any
) -> tuple[MSES, torch.optim.Optimizer]:
    method = MSES(model, CLASSES, **options)
    made = OPTIMIZERS[optimizer](model)
    method.on_fit_start(g2d.Loop(made))
    return method, made


def epochs_of(names: Sequence[str], count: int) -> list[list[g2d.Batch]]:
    return [
        [batch(names, CLASSES, seed=10 * e + s, size=8) for s in range(2)] for e in range(count)
    ]


def run(
    method: MSES, model: g2d.MultimodalModel, epochs: Sequence[Sequence[g2d.Batch]], first: int = 0
) -> list[tuple[list[float], dict[str, Tensor]]]:
    history = []
    for epoch, batches in enumerate(epochs, start=first):
        model.train()
        method.on_epoch_start(epoch)
        losses = [float(method.step(data)) for data in batches]
        history.append((losses, weights(model)))
        method.on_validation_end(measured(model.modalities, epoch))
    return history


def of(found: Mapping[str, Tensor], name: str) -> dict[str, Tensor]:
    """What belongs to one modality, buffers included."""
    prefixes = (f"encoders.{name}.", f"fusion.heads.{name}.")
    return {key: value for key, value in found.items() if key.startswith(prefixes)}


@pytest.mark.parametrize(("patience", "share"), [(0, 0.6), (1, 0.6), (1, 0.0), (2, 0.3)])
@pytest.mark.parametrize("k", [2, 3])
def test_training_follows_the_rule(k: int, patience: int, share: float) -> None:
    names = NAMES[:k]
    model, epochs = student(names, CLASSES.outputs), epochs_of(names, 6)
    expected = rule.train(
        Task("classification"),
        weights(model),
        [key for key, _ in model.named_parameters()],
        [[(data.inputs, data.target) for data in batches] for batches in epochs],
        [measured(names, e)["loss"] for e in range(6)],
        weight=0.7,
        patience=patience,
        share=share,
        optimizer=SGD(rate=0.05, momentum=0.9, decay=0.02),
    )
    method, _ = started(model, weight=0.7, patience=patience, smoothing=share)
    for (losses, params), (wanted, reference) in zip(
        run(method, model, epochs), expected, strict=True
    ):
        assert losses == pytest.approx(wanted, rel=1e-4)
        for key, value in params.items():
            if not key.endswith("num_batches_tracked"):
                torch.testing.assert_close(
                    value.double(), reference[key], rtol=1e-4, atol=2e-6, msg=key
                )


def test_the_cases_stop_some_at_different_times() -> None:
    """Or the test above would say little."""
    losses = [measured(NAMES[:3], e)["loss"] for e in range(6)]
    assert rule.stops(losses, 0, 0.6) == {"sound": (1, 0), "depth": (2, 1)}
    assert rule.stops(losses, 1, 0.6) == {"sound": (2, 0), "depth": (3, 1)}


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_who_stops_goes_back_and_never_moves_again(optimizer: str) -> None:
    names = NAMES[:3]
    model = student(names, CLASSES.outputs)
    method, _ = started(model, optimizer, patience=1)
    history = [found for _, found in run(method, model, epochs_of(names, 6))]
    assert not same(of(history[2], "sound"), of(history[0], "sound"))
    for epoch in (3, 4, 5):
        assert same(of(history[epoch], "sound"), of(history[0], "sound"))
    for epoch in (4, 5):
        assert same(of(history[epoch], "depth"), of(history[1], "depth"))
        assert not same(of(history[epoch], "image"), of(history[epoch - 1], "image"))
    assert method.active() == {"image"}
    assert method.stage() == "sound, depth stopped"
    assert not method.finished()


def test_the_way_back_leaves_the_others_alone() -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs)
    method, _ = started(model, patience=0)
    run(method, model, epochs_of(names, 2))
    before = weights(model)
    method.on_epoch_start(2)
    after = weights(model)
    assert same(of(after, "image"), of(before, "image"))
    assert not same(of(after, "sound"), of(before, "sound"))
    assert not model.encoders["sound"].training
    assert model.encoders["image"].training


@pytest.mark.parametrize("mode", ["multitask", "agm_repo"])
@pytest.mark.parametrize("stop", range(1, 6))
def test_resumed_in_the_middle_it_ends_in_the_same_weights(stop: int, mode: str) -> None:
    """Patience, a stop that is due, and the time after it."""
    names = NAMES[:3]
    epochs = epochs_of(names, 6)
    whole = student(names, CLASSES.outputs)
    run(started(whole, patience=1, mode=mode)[0], whole, epochs)
    first = student(names, CLASSES.outputs)
    method, optimizer = started(first, patience=1, mode=mode)
    run(method, first, epochs[:stop])
    saved = {"method": method.state_dict(), "optimizer": optimizer.state_dict()}
    second = student(names, CLASSES.outputs, seed=7)
    second.load_state_dict(first.state_dict())
    again, fresh = started(second, patience=1, mode=mode)
    again.load_state_dict(saved["method"])
    fresh.load_state_dict(saved["optimizer"])
    run(again, second, epochs[stop:], first=stop)
    assert same(weights(second), weights(whole))


@pytest.mark.parametrize("options", [{"patience": 0}, {"patience": 0, "mode": "agm_repo"}])
def test_a_run_with_stops_resumes_to_the_last_bit(options: dict[str, Any], tmp_path: Path) -> None:
    """By the engine, from its checkpoints."""
    made = recipe("mses", 3, options, learning_rate=0.5)
    fitted(made, splits(3), tmp_path / "whole")
    for stop in (1, 2, 3, 4):
        fitted(made, splits(3), tmp_path / "parts", stop_after=stop)
    last = [
        torch.load(tmp_path / part / "last.ckpt", weights_only=True) for part in ("whole", "parts")
    ]
    assert last[0]["method"]["stopped"]
    assert last[0]["method"]["stopped"] == last[1]["method"]["stopped"]
    assert same(last[0]["model"], last[1]["model"])


def test_it_ends_when_all_stand_at_their_best() -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs)
    method, _ = started(model, patience=0)
    worse = {"loss": dict.fromkeys((*names, "fused"), 1.0)}
    ends = []
    for epoch in range(3):
        model.train()
        method.on_epoch_start(epoch)
        method.step(batch(names, CLASSES, seed=epoch))
        method.on_validation_end(worse)
        ends.append(method.finished())
    # They stop after the second, and the third evaluates them together at their best.
    assert ends == [False, False, True]
    assert method.state_dict()["snapshots"] == {}


def test_what_is_shared_learns_until_the_fused_loss_has_stopped() -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs, ConcatFusion)
    method, _ = started(model, patience=0)
    fused, ends = [1.0, 0.9, 0.8, 0.7, 0.9], []
    for epoch, value in enumerate(fused):
        model.train()
        method.on_epoch_start(epoch)
        before = weights(model)
        method.step(batch(names, CLASSES, seed=epoch))
        moved = {key for key, old in before.items() if not torch.equal(weights(model)[key], old)}
        shared = {"fusion.head.weight", "fusion.head.bias"}
        assert moved == shared if epoch >= 2 else moved > shared
        method.on_validation_end({"loss": {**dict.fromkeys(names, 1.0), "fused": value}})
        ends.append(method.finished())
    assert ends == [False, False, False, False, True]


def test_a_modality_that_nobody_has_in_validation_is_not_watched() -> None:
    names = NAMES[:2]
    model = student(names, CLASSES.outputs)
    method, _ = started(model, patience=0)
    for epoch in range(3):
        model.train()
        method.on_epoch_start(epoch)
        method.step(batch(names, CLASSES))
        method.on_validation_end({"loss": {"sound": 1.0, "fused": 1.0}})
    assert method.active() == {"image"}


def test_as_in_agms_code_all_go_back_and_the_stopped_one_drifts() -> None:
    names = NAMES[:3]
    model = student(names, CLASSES.outputs)
    method, optimizer = started(model, patience=1, mode="agm_repo")
    history = [found for _, found in run(method, model, epochs_of(names, 3))]
    velocities = [slot["momentum_buffer"].clone() for slot in optimizer.state.values()]
    optimizer.param_groups[0]["lr"] = 0.01
    model.train()
    method.on_epoch_start(3)  # the sound has stopped, with the first epoch its best
    assert same(weights(model), history[0])
    assert optimizer.param_groups[0]["lr"] == 0.01
    now = [slot["momentum_buffer"] for slot in optimizer.state.values()]
    assert any(not torch.equal(a, b) for a, b in zip(now, velocities, strict=True))
    assert method.active() is None
    weight = model.fusion.heads["sound"].weight
    drift = 0.9 * optimizer.state[weight]["momentum_buffer"] + 0.02 * weight
    expected = (weight - 0.01 * drift).detach()
    method.step(batch(names, CLASSES, seed=40))
    torch.testing.assert_close(weight.detach(), expected)  # momentum and decay alone
    assert not torch.equal(weight, history[0]["fusion.heads.sound.weight"])


def test_as_in_agms_code_the_loss_is_joint_trainings() -> None:
    names = NAMES[:2]
    model, data = student(names, CLASSES.outputs), batch(names, CLASSES)
    outputs = model(data)
    loss = MSES(model, CLASSES, mode="agm_repo").loss(outputs, data)
    assert torch.equal(loss, g2d.JointTraining(model, CLASSES).loss(outputs, data))


@pytest.mark.parametrize("fusion", [g2d.LateFusion, FiLMFusion])
def test_heads_are_put_beside_a_fusion_that_is_no_sum(fusion: type[Fusion]) -> None:
    """They stop with their modality, and go back with it."""
    names = NAMES[:2]
    model = student(names, CLASSES.outputs, fusion)
    method, _ = started(model, patience=0)
    assert isinstance(model.fusion, UnimodalHeads) == (fusion is not g2d.LateFusion)
    history = [found for _, found in run(method, model, epochs_of(names, 3))]
    assert same(of(history[2], "sound"), of(history[0], "sound"))
    assert not same(of(history[1], "sound"), of(history[0], "sound"))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weight": -1.0}, "weight must be 0 or more"),
        ({"patience": -1}, "patience must be 0 or more"),
        ({"smoothing": 1.0}, "smoothing must be below 1"),
        ({"mode": "single"}, "mode: expected multitask or agm_repo"),
    ],
)
def test_options_are_checked(options: dict[str, Any], words: str) -> None:
    with pytest.raises(g2d.UserError, match=words):
        MSES(student(NAMES[:2], CLASSES.outputs), CLASSES, **options)
