"""Sequential prioritization around any method: ranking, partial gates, state."""

from __future__ import annotations

import copy
import math

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch import Tensor, nn

import g2d
from g2d.errors import UserError
from g2d.methods.suppression import partial_factors
from methods.small import NAMES, OPTIMIZERS, TASKS, bank, batch, same, step, student, train, weights
from reference import g2d as paper

TASK = TASKS["classification"]
SCORES = st.floats(0.0078125, 1.0, width=32)


def smp(names: tuple[str, ...], schedule: tuple[int, ...], **options: object) -> g2d.Method:
    joint = g2d.JointTraining(student(names, TASK.outputs), TASK)
    return g2d.SequentialPrioritization(joint, bank(names, TASK), schedule, **options)


@given(st.lists(SCORES, min_size=2, max_size=4))
def test_partial_factors_follow_the_formula(scores: list[float]) -> None:
    rho = {f"m{i}": score for i, score in enumerate(scores)}
    factors = partial_factors({name: torch.tensor(value) for name, value in rho.items()})
    for name, factor in factors.items():
        others = [value for key, value in rho.items() if key != name]
        assume(abs(rho[name] / (sum(others) / len(others)) - 1) > 1e-5)  # the step at r = 1
        assert factor.item() == pytest.approx(paper.partial_kappa(rho, name), rel=1e-4, abs=1e-6)


def test_equal_confidence_suppresses_nobody() -> None:
    factors = partial_factors({name: torch.tensor(0.25) for name in NAMES})
    assert all(factor == 1 for factor in factors.values())


def test_a_modality_that_is_absent_does_not_set_the_measure_for_the_others() -> None:
    """In a batch without `c`, `a` and `b` are compared with each other."""
    factors = partial_factors(
        {"a": torch.tensor(0.8), "b": torch.tensor(0.4), "c": torch.tensor(math.inf)}
    )
    assert factors["a"] == pytest.approx(1 - math.tanh(2.0))
    assert factors["b"] == 1
    assert torch.isfinite(factors["c"])


@pytest.mark.parametrize("scope", ["encoder", "branch"])
def test_partial_suppression_scales_the_gradients_by_hand(scope: str) -> None:
    names = NAMES[:3]
    confidence = dict(zip(names, (0.9, 0.3, 0.6), strict=True))
    kappa = {"sound": 1 - math.tanh(0.9 / 0.45), "image": 1.0, "depth": 1.0}  # 0.6 / 0.6 is not > 1
    method = smp(names, (1, 1, 1), confidence=confidence, suppression="partial", scope=scope)
    data, model = batch(names, TASK), method.student.net
    TASK.loss(model(data).logits, data.target).backward()
    joint = {key: value.grad.clone() for key, value in model.named_parameters()}
    model.zero_grad()
    method.on_epoch_start(0)
    assert method.active() is None
    method.loss(model(data), data).backward()
    method.adjust_gradients()
    for key, value in model.named_parameters():
        owner = next((name for name in names if f".{name}." in key), None)
        own = key.startswith("encoders.") or scope == "branch"
        factor = kappa[owner] if owner and own else 1.0
        torch.testing.assert_close(value.grad, joint[key] * factor, rtol=1e-5, atol=1e-8)
    method.on_epoch_start(2)  # the last stage scales nothing
    model.zero_grad()
    assert method.active() is None
    method.loss(model(data), data).backward()
    method.adjust_gradients()
    assert all(torch.equal(p.grad, joint[key]) for key, p in model.named_parameters())


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("k", [2, 3])
def test_without_stages_it_is_the_wrapped_method_bit_for_bit(k: int, optimizer: str) -> None:
    names = NAMES[:k]
    schedule = (*[0] * (k - 1), 3)
    epochs = [[batch(names, TASK, seed=s)] for s in range(3)]
    for make in (
        lambda model: g2d.JointTraining(model, TASK),
        lambda model: g2d.UMT(model, TASK, bank(names, TASK)),
        lambda model: g2d.G2DLoss(model, TASK, bank(names, TASK)),
    ):
        left, right = student(names, TASK.outputs), student(names, TASK.outputs)
        wrapped = g2d.SequentialPrioritization(make(left), bank(names, TASK), schedule)
        a = train(wrapped, OPTIMIZERS[optimizer](left), epochs)
        b = train(make(right), OPTIMIZERS[optimizer](right), epochs)
        assert a == b
        assert same(weights(left), weights(right))


def test_g2d_is_the_g2d_loss_under_prioritization() -> None:
    names = NAMES[:3]
    epochs = [[batch(names, TASK, seed=s)] for s in range(3)]
    left, right = student(names, TASK.outputs), student(names, TASK.outputs)
    whole = g2d.G2D(left, TASK, bank(names, TASK), (1, 1, 1), alpha=0.5, temperature=2.0)
    inner = g2d.G2DLoss(right, TASK, bank(names, TASK), alpha=0.5, temperature=2.0)
    parts = g2d.SequentialPrioritization(inner, bank(names, TASK), (1, 1, 1))
    assert train(whole, OPTIMIZERS["sgd"](left), epochs) == train(
        parts, OPTIMIZERS["sgd"](right), epochs
    )
    assert same(weights(left), weights(right))


def trainable(method: g2d.Method) -> set[str]:
    """Whose encoders require gradients."""
    encoders = method.student.net.encoders.items()
    found = {name: {p.requires_grad for p in encoder.parameters()} for name, encoder in encoders}
    assert all(len(flags) == 1 for flags in found.values())
    return {name for name, flags in found.items() if flags == {True}}


def test_a_batch_ranks_by_its_own_confidence_and_a_step_by_all_its_batches() -> None:
    names = NAMES[:2]
    method = smp(names, (1, 1))
    seen = set()
    for seed in range(12):
        parts = [batch(names, TASK, size=s, seed=seed + 50 * s) for s in (2, 5)]
        rho = {}
        for name in names:
            said = [method.teachers.outputs(part)[name].logits for part in parts]
            target = torch.cat([part.target for part in parts])
            rho[name] = paper.confidence(paper.Task("classification"), torch.cat(said), target)
        weakest = paper.ranking(rho)[0]
        method.on_epoch_start(0)
        assert method.active() is None  # before anybody is ranked
        method.on_step_start(*parts)
        assert method.active() == {weakest}
        assert trainable(method) == {weakest}
        seen.add(weakest)
    assert seen == set(names)


def test_a_modality_missing_from_the_whole_batch_is_never_trained_alone() -> None:
    names = NAMES[:2]
    method = smp(names, (1, 1))
    optimizer = OPTIMIZERS["sgd"](method.student.net)
    for absent, other in (names, names[::-1]):
        data = batch(names, TASK)
        data.present = {absent: torch.zeros(len(data), dtype=torch.bool)}
        method.on_step_start(data)
        assert method.active() == {other}
        assert step(method, optimizer, data).isfinite()


def test_state_carries_the_ranking_and_the_wrapped_state() -> None:
    names = NAMES[:2]
    saved = smp(names, (2, 1), confidence={"sound": 0.3, "image": 0.7}).state_dict()
    other = smp(names, (2, 1), confidence={"sound": 0.9, "image": 0.7})
    assert other.active() == {"image"}
    other.load_state_dict(saved)
    assert other.active() == {"sound"}
    assert other.state_dict() == saved


def test_the_stage_is_named() -> None:
    names = NAMES[:3]
    fixed = smp(names, (1, 1, 1), confidence=dict(zip(names, (0.5, 0.1, 0.9), strict=True)))
    by_batch = smp(names, (1, 1, 1))
    words = []
    for epoch in range(4):
        fixed.on_epoch_start(epoch)
        by_batch.on_epoch_start(epoch)
        words.append((fixed.stage(), by_batch.stage()))
    assert [word for word, _ in words] == ["image alone", "sound alone", "joint", "joint"]
    assert len({word for _, word in words[:3]}) == 3
    assert words[3][1] == "joint"


class Spy(g2d.Method):
    """A method with hooks of its own, among them a gate and an end."""

    def __init__(self, model: nn.Module, task: g2d.Task) -> None:
        super().__init__(model, task)
        self.calls: list[object] = []

    def on_fit_start(self, loop: g2d.Loop) -> None:
        self.calls.append(loop)

    def begin_epoch(self, epoch: int) -> None:
        self.calls.append(epoch)

    def active(self) -> frozenset[str]:
        return frozenset({"sound", "image"})

    def on_step_start(self, *batches: g2d.Batch) -> None:
        self.calls.append(batches)

    def objective(self, outputs: g2d.Outputs, batch: g2d.Batch) -> Tensor:
        self.calls.append("loss")
        return super().objective(outputs, batch)

    def modify_gradients(self) -> None:
        self.calls.append("gradients")

    def on_validation_end(self, metrics: object) -> None:
        self.calls.append(metrics)

    def finished(self) -> bool:
        return "enough" in self.calls

    def state_dict(self) -> dict[str, object]:
        return {"calls": list(self.calls)}

    def load_state_dict(self, state: object) -> None:
        self.calls = ["loaded"]


def test_hooks_reach_the_wrapped_method() -> None:
    names = NAMES[:3]
    data, model = batch(names, TASK), student(names, TASK.outputs)
    inner, loop = Spy(model, TASK), g2d.Loop(OPTIMIZERS["sgd"](model))
    method = g2d.SequentialPrioritization(
        inner, bank(names, TASK), (1, 0, 1), confidence=dict.fromkeys(names, 0.5)
    )
    method.on_fit_start(loop)
    method.on_epoch_start(0)
    assert method.active() == trainable(method) == {"sound"}  # trainable for both
    method.step(data)
    method.on_validation_end({"loss": 1.0})
    method.on_epoch_start(1)
    assert method.active() == trainable(method) == {"sound", "image"}
    assert inner.calls == [loop, 0, (data,), "loss", "gradients", {"loss": 1.0}, 1]
    assert not method.finished()
    inner.calls.append("enough")
    assert method.finished()
    inner.calls.pop()
    state = method.state_dict()
    assert state["method"] == {"calls": inner.calls}
    method.load_state_dict(state)
    assert inner.calls == ["loaded"]


def test_what_does_not_fit_the_teachers_is_refused() -> None:
    names = NAMES[:2]
    with pytest.raises(UserError, match="3 stages and there are 2 modalities"):
        smp(names, (1, 1, 1))
    with pytest.raises(UserError, match="give one value for each"):
        smp(names, (1, 1), confidence={"sound": 0.5})
    with pytest.raises(UserError, match="give one value for each"):
        smp(names, (1, 1), confidence={"sound": 0.5, "depth": 0.5})


# -- stages that end when their modality stops improving


@pytest.mark.parametrize("schedule", ["halves", 5])
def test_what_is_no_schedule_is_refused_in_a_line(schedule: object) -> None:
    with pytest.raises(UserError, match="expected one number of epochs for each modality, such as"):
        smp(NAMES[:2], schedule)


def test_a_modality_without_a_teacher_is_named() -> None:
    names, task = NAMES[:2], TASKS["classification"]
    with pytest.raises(UserError, match="give one teacher for each"):
        g2d.G2D(student(names, task.outputs), task, bank(names[:1], task))


def following(names: tuple[str, ...], tau: tuple[int, ...], patience: int) -> g2d.Method:
    confidence = {name: 0.1 * (i + 1) for i, name in enumerate(names)}
    return smp(names, g2d.Schedule(tau, patience=patience), confidence=confidence)


def stages(method: g2d.Method, losses: list[dict[str, float]], begin: int = 0) -> list[str]:
    found = []
    for epoch, loss in enumerate(losses, begin):
        method.on_epoch_start(epoch)
        found.append(method.stage())
        method.on_validation_end({"loss": {"fused": 1.0, **loss}})
    return found


def test_a_stage_ends_once_its_modality_has_not_improved_for_so_long() -> None:
    names = NAMES[:3]
    method = following(names, (5, 5, 5), patience=2)
    curve = [3.0, 2.0, 2.5, 2.0, 9.0, 8.0, 7.0, 6.0, 5.0, 1.0, 1.0]
    losses = [{"sound": value, "image": value, "depth": 0.0} for value in curve]
    # `sound` is best in its epoch 2 and waits for two; `image` improves until its time is up
    expected = ["sound alone"] * 4 + ["image alone"] * 5 + ["joint"] * 2
    assert stages(method, losses) == expected
    assert method.schedule.tau == (4, 5, 6)


@given(
    st.lists(st.floats(0, 1), min_size=30, max_size=30),
    st.integers(1, 4),
    st.lists(st.integers(0, 6), min_size=2, max_size=2),
)
def test_no_stage_is_longer_than_by_the_clock_and_the_sum_is_kept(
    curve: list[float], patience: int, shares: list[int]
) -> None:
    names = NAMES[:3]
    method = following(names, (*shares, 30 - sum(shares)), patience)
    found = stages(method, [dict.fromkeys(names, value) for value in curve])
    for name, share in zip(names[:2], shares, strict=True):
        assert found.count(f"{name} alone") <= share
        if share:
            assert found.count(f"{name} alone") >= min(share, patience + 1)
    assert found == sorted(found, key=[*(f"{n} alone" for n in names[:2]), "joint"].index)
    assert sum(method.schedule.tau) == 30


def test_stopped_and_resumed_at_any_epoch_the_stages_are_the_same() -> None:
    names, curve = NAMES[:3], [3.0, 2.0, 2.5, 2.4, 9.0, 9.5, 9.6, 6.0, 5.0]
    losses = [dict.fromkeys(names, value) for value in curve]
    whole = following(names, (6, 6, 6), patience=2)
    expected = stages(whole, losses)
    for cut in range(1, len(curve)):
        first, second = (following(names, (6, 6, 6), patience=2) for _ in range(2))
        before = stages(first, losses[:cut])
        second.load_state_dict(first.state_dict())
        assert before + stages(second, losses[cut:], cut) == expected
        assert second.state_dict() == whole.state_dict()


def test_patience_needs_one_modality_and_its_loss() -> None:
    names = NAMES[:2]
    schedule = g2d.Schedule((2, 2), patience=1)
    with pytest.raises(UserError, match="needs one modality; give confidence"):
        smp(names, schedule)
    equal = dict.fromkeys(names, 0.5)
    with pytest.raises(UserError, match="needs one modality"):
        smp(names, schedule, confidence=equal, suppression="partial")
    method = smp(names, schedule, confidence=equal)
    method.on_epoch_start(0)
    with pytest.raises(UserError, match="measured no loss of 'sound' alone"):
        method.on_validation_end({"loss": {"fused": 1.0}})


def test_by_the_clock_a_checkpoint_is_what_it_was() -> None:
    method = smp(NAMES[:2], (1, 1), confidence=dict.fromkeys(NAMES[:2], 0.5))
    assert set(method.state_dict()) == {"confidence", "method"}


class Plain(nn.Module):
    """The parts of a model of ours in a module that is not ours."""

    def __init__(self, net: g2d.MultimodalModel) -> None:
        super().__init__()
        self.encoders, self.fusion = net.encoders, net.fusion

    def forward(self, data: g2d.Batch) -> Tensor:
        return self.fusion({name: net(data.inputs[name]) for name, net in self.encoders.items()})[0]


@pytest.mark.parametrize("attached", [False, True])
@pytest.mark.parametrize("ranked", [True, False])
def test_dropped_features_leave_the_prioritized_modality_alone_in_the_fused_logits(
    ranked: bool, attached: bool
) -> None:
    """By hand: the other encoders give zeros in a stage, and everything of theirs afterwards."""
    names, data = NAMES[:3], batch(NAMES[:3], TASK)
    confidence = dict(zip(names, (0.9, 0.2, 0.6), strict=True)) if ranked else None
    net = student(names, TASK.outputs)
    twin = copy.deepcopy(net)
    model: nn.Module = Plain(net) if attached else net
    watched = g2d.attach(model, dict(net.encoders)) if attached else net
    method = g2d.SequentialPrioritization(
        g2d.JointTraining(watched, TASK),
        bank(names, TASK),
        (1, 0, 1),
        confidence=confidence,
        frozen_features="drop",
    )

    def fused() -> Tensor:
        answer = model(data)
        method.loss(answer, data)
        return answer if attached else answer.logits

    model.train()
    method.on_epoch_start(0)
    if attached:
        fused()  # the widths of features are known from the second pass on
    method.on_step_start(data)
    (prioritized,) = method.active() or ()
    assert prioritized == "image" or not ranked
    features = {name: twin.encoders[name](data.inputs[name]) for name in names}
    alone = {
        name: feature if name == prioritized else torch.zeros_like(feature)
        for name, feature in features.items()
    }
    torch.testing.assert_close(fused(), twin.fusion(alone)[0])
    method.on_epoch_start(1)
    torch.testing.assert_close(fused(), twin.fusion(features)[0])


def test_features_cannot_be_dropped_where_none_are_frozen_or_nobody_knows_whose() -> None:
    names, data = NAMES[:2], batch(NAMES[:2], TASK)
    joint = g2d.JointTraining(student(names, TASK.outputs), TASK)
    given = {"frozen_features": "drop"}
    with pytest.raises(g2d.UserError, match="partial suppression freezes no encoder"):
        g2d.SequentialPrioritization(
            joint, bank(names, TASK), (1, 1), suppression="partial", **given
        )
    method = g2d.SequentialPrioritization(joint, bank(names, TASK), (1, 1), **given)
    method.on_epoch_start(0)
    with pytest.raises(g2d.UserError, match=r"call method\.on_step_start\(batch\) before"):
        method.student.net(data)
    method.on_step_start(data)
    assert method.student.net(data).logits.shape == (len(data), TASK.outputs)
