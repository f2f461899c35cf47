"""What is frozen does not move and costs no backward pass; all else is trained as ever."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.errors import UserError
from g2d.models.fusion import ConcatFusion, Fusion, LateFusion, SumFusion
from methods.small import NAMES, OPTIMIZERS, TASKS, bank, batch, same, step, student

TASK = TASKS["classification"]
SCHEDULES = {2: (2, 1), 3: (1, 1, 1)}


def fixed(names: Sequence[str]) -> dict[str, float]:
    """The first declared is the weakest, the last the strongest."""
    return {name: (i + 1) / 10 for i, name in enumerate(names)}


def g2d_for(model: g2d.MultimodalModel, scope: str) -> g2d.G2D:
    names = model.modalities
    return g2d.G2D(
        model,
        TASK,
        bank(names, TASK),
        SCHEDULES[len(names)],
        confidence=fixed(names),
        scope=scope,
    )


def optimizer_state(optimizer: torch.optim.Optimizer, parameters: Sequence[nn.Parameter]) -> dict:
    return {
        f"{i}.{key}": torch.as_tensor(value).clone()
        for i, parameter in enumerate(parameters)
        for key, value in optimizer.state.get(parameter, {}).items()
        if value is not None
    }


def values(parameters: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    return {str(i): parameter.detach().clone() for i, parameter in enumerate(parameters)}


@pytest.mark.parametrize("fusion", [LateFusion, SumFusion])
@pytest.mark.parametrize("scope", ["encoder", "branch"])
@pytest.mark.parametrize("warm", [False, True], ids=["fresh", "trained before"])
@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
@pytest.mark.parametrize("k", [2, 3])
def test_what_is_frozen_keeps_its_weights_and_its_optimizer_state(
    k: int, optimizer_name: str, warm: bool, scope: str, fusion: type[Fusion]
) -> None:
    names = NAMES[:k]
    model = student(names, TASK.outputs, fusion)
    optimizer = OPTIMIZERS[optimizer_name](model)
    if warm:  # momentum is there and would go on moving the weights
        joint = g2d.JointTraining(model, TASK)
        for seed in range(3):
            step(joint, optimizer, batch(names, TASK, seed=seed))
    method = g2d_for(model, scope)
    for epoch in range(k - 1):
        method.on_epoch_start(epoch)
        leader = names[epoch if k == 3 else 0]
        frozen = [name for name in names if name != leader]
        before = {
            name: (values(p := list(gated(model, name, scope))), optimizer_state(optimizer, p))
            for name in names
        }
        heads = values(model.head_parameters())
        for seed in (7, 8):
            step(method, optimizer, batch(names, TASK, seed=seed))
        for name in frozen:
            parameters = gated(model, name, scope)
            assert same(values(parameters), before[name][0])
            assert same(optimizer_state(optimizer, parameters), before[name][1])
        assert moved(gated(model, leader, scope), before[leader][0])
        if scope == "encoder":
            assert moved(model.head_parameters(), heads)


def gated(model: g2d.MultimodalModel, name: str, scope: str) -> list[nn.Parameter]:
    """By the names in the state dict, not by the model's own account."""
    prefixes = [f"encoders.{name}."] + ([f"fusion.heads.{name}."] if scope == "branch" else [])
    return [p for key, p in model.named_parameters() if key.startswith(tuple(prefixes))]


def moved(parameters: Sequence[nn.Parameter], before: dict[str, Tensor]) -> bool:
    return all(not torch.equal(p.detach(), before[str(i)]) for i, p in enumerate(parameters))


@pytest.mark.parametrize("scope", ["encoder", "branch"])
def test_a_trainable_branch_learns_as_if_nothing_were_frozen(scope: str) -> None:
    """The leader's update is that of the same loss without prioritization, bit for bit."""
    names = NAMES[:3]
    left, right = (student(names, TASK.outputs) for _ in range(2))
    method = g2d_for(left, scope)
    without = g2d.G2DLoss(right, TASK, method.teachers)
    data = batch(names, TASK)
    for one, model in ((method, left), (without, right)):
        one.on_epoch_start(0)
        step(one, OPTIMIZERS["sgd"](model), data)
    trainable = gated(left, names[0], "branch"), gated(right, names[0], "branch")
    if scope == "encoder":
        trainable = trainable[0] + left.head_parameters(), trainable[1] + right.head_parameters()
    for a, b in zip(*trainable, strict=True):
        assert torch.equal(a, b)


def test_the_statistics_of_a_frozen_encoder_follow_the_data() -> None:
    names = NAMES[:2]
    frozen = "image"
    prioritized, without = student(names, TASK.outputs), student(names, TASK.outputs)
    method, joint = g2d_for(prioritized, "encoder"), g2d.JointTraining(without, TASK)
    before = prioritized.encoders[frozen].state_dict()["1.running_mean"].clone()
    data = batch(names, TASK)
    method.on_epoch_start(0)
    step(method, OPTIMIZERS["sgd"](prioritized), data)
    step(joint, OPTIMIZERS["sgd"](without), data)
    after = prioritized.encoders[frozen].state_dict()
    assert not torch.equal(after["1.running_mean"], before)
    for key in ("1.running_mean", "1.running_var", "1.num_batches_tracked"):
        assert torch.equal(after[key], without.encoders[frozen].state_dict()[key])


def test_a_frozen_encoder_has_no_graph_and_no_backward_pass() -> None:
    names = NAMES[:3]
    model = student(names, TASK.outputs)
    method = g2d_for(model, "encoder")
    fired: dict[str, int] = dict.fromkeys(names, 0)

    def count(name: str) -> None:
        def hook(*_: object) -> None:
            fired[name] += 1

        for module in list(model.encoders[name].children())[1:]:
            module.register_full_backward_hook(hook)
        for parameter in model.encoder_parameters(name):
            parameter.register_hook(hook)

    for name in names:
        count(name)
    data = batch(names, TASK)
    for epoch, leader in enumerate(names[:2]):
        fired.update(dict.fromkeys(names, 0))
        method.on_epoch_start(epoch)
        outputs = model(data)
        for name in names:
            assert outputs.features[name].requires_grad == (name == leader)
            assert (outputs.features[name].grad_fn is None) == (name != leader)
        method.loss(outputs, data).backward()
        assert fired[leader] > 0
        assert all(fired[name] == 0 for name in names if name != leader)
        model.zero_grad()


class SoundAlone(g2d.Method):
    """From the second epoch on."""

    epoch = 0

    def begin_epoch(self, epoch: int) -> None:
        self.epoch = epoch

    def active(self) -> frozenset[str] | None:
        return frozenset({"sound"}) if self.epoch else None


@pytest.mark.parametrize("optimizer_name", OPTIMIZERS)
def test_in_a_loop_that_leaves_gradients_of_zero_the_frozen_do_not_move(
    optimizer_name: str,
) -> None:
    """Momentum and weight decay act on a gradient of zero."""
    model = student(NAMES[:2], TASK.outputs)
    method, optimizer = SoundAlone(model, TASK), OPTIMIZERS[optimizer_name](model)
    for epoch in range(2):
        method.on_epoch_start(epoch)
        before = {name: values(gated(model, name, "encoder")) for name in NAMES[:2]}
        data = batch(NAMES[:2], TASK, seed=epoch)
        method.loss(model(data), data).backward()
        method.adjust_gradients()
        optimizer.step()
        optimizer.zero_grad(set_to_none=False)
    assert moved(gated(model, "sound", "encoder"), before["sound"])
    assert same(values(gated(model, "image", "encoder")), before["image"])


def test_nothing_is_frozen_in_the_last_stage() -> None:
    names = NAMES[:2]
    model = student(names, TASK.outputs)
    method = g2d_for(model, "branch")
    method.on_epoch_start(0)
    data = batch(names, TASK)
    optimizer = OPTIMIZERS["sgd"](model)
    step(method, optimizer, data)
    method.on_epoch_start(2)
    before = {name: values(gated(model, name, "branch")) for name in names}
    step(method, optimizer, data)
    assert all(moved(gated(model, name, "branch"), before[name]) for name in names)


def test_a_branch_can_only_be_frozen_where_there_is_one() -> None:
    names = NAMES[:2]
    model = student(names, TASK.outputs, ConcatFusion)
    method = g2d_for(model, "branch")
    with pytest.raises(UserError, match="scope 'encoder'"):
        step(method, OPTIMIZERS["sgd"](model), batch(names, TASK))


def test_freezing_lets_the_optimizer_skip_and_scaling_does_not() -> None:
    """Why a gradient of zero is not the same as none: momentum and decay still act on it."""
    outcomes = {}
    for kind in ("none", "zero"):
        torch.manual_seed(0)
        layer = nn.Linear(2, 1)
        optimizer = torch.optim.SGD(layer.parameters(), lr=0.1, momentum=0.9, weight_decay=0.01)
        for _ in range(2):
            layer(torch.ones(1, 2)).sum().backward()
            optimizer.step()
            optimizer.zero_grad()
        before = layer.weight.detach().clone()
        layer(torch.ones(1, 2)).sum().backward()
        if kind == "none":
            g2d.gates.freeze(layer.parameters())
        else:
            g2d.gates.scale(layer.parameters(), 0.0)
        optimizer.step()
        outcomes[kind] = torch.equal(layer.weight, before)
    assert outcomes == {"none": True, "zero": False}
