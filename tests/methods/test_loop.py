"""The loop a method sees: plain PyTorch, and the engine's on Fabric, do the same."""

from __future__ import annotations

import pytest
import torch

import g2d
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.settings import TrainingSettings
from methods.small import NAMES, TASKS, batch, same, sgd, step, student, weights

TASK = TASKS["classification"]
PAIR = NAMES[:2]


def test_a_step_is_the_sequence_of_the_docstring() -> None:
    written, asked = student(PAIR, TASK.outputs), student(PAIR, TASK.outputs)
    method, by_hand = g2d.JointTraining(asked, TASK), g2d.JointTraining(written, TASK)
    method.on_fit_start(g2d.Loop(sgd(asked)))
    optimizer = sgd(written)
    for seed in range(3):
        data = batch(PAIR, TASK, seed=seed)
        loss = step(by_hand, optimizer, data)
        assert torch.equal(method.step(data), loss)
    assert same(weights(written), weights(asked))


@pytest.mark.parametrize("clip", [None, 0.01])
def test_fabric_does_the_same(clip: float | None) -> None:
    plain, with_fabric = student(PAIR, TASK.outputs), student(PAIR, TASK.outputs)
    fabric = TrainingSettings(accelerator="cpu").make_fabric()
    method = g2d.JointTraining(with_fabric, TASK)
    method.on_fit_start(FabricLoop(fabric, *fabric.setup(with_fabric, sgd(with_fabric)), clip))
    optimizer, joint = sgd(plain), g2d.JointTraining(plain, TASK)
    for seed in range(3):
        data = batch(PAIR, TASK, seed=seed)
        method.step(data)
        joint.loss(plain(data), data).backward()
        if clip is not None:
            torch.nn.utils.clip_grad_norm_(plain.parameters(), clip)
        optimizer.step()
        optimizer.zero_grad()
    assert same(weights(plain), weights(with_fabric))


def test_parts_of_a_step_weigh_by_their_size() -> None:
    """Without batch norm, a step of parts is the step of the whole."""

    def linear() -> g2d.MultimodalModel:
        torch.manual_seed(0)
        encoders = {name: torch.nn.Linear(6, 3) for name in ("sound", "gas")}
        encoders["gas"] = torch.nn.Linear(6, 3)
        return g2d.MultimodalModel(encoders, g2d.LateFusion(dict.fromkeys(encoders, 3), 4))

    whole = batch(("sound", "gas"), TASK, size=9)
    parts = [
        g2d.Batch(
            {name: value[rows] for name, value in whole.inputs.items()},
            whole.target[rows],
            whole.index[rows],
        )
        for rows in (slice(0, 6), slice(6, 9))
    ]
    models, losses = [linear(), linear()], []
    for model, batches in zip(models, ([whole], parts), strict=True):
        method = g2d.JointTraining(model, TASK)
        method.on_fit_start(g2d.Loop(sgd(model)))
        losses.append(method.step(*batches))
    torch.testing.assert_close(losses[0], losses[1])
    torch.testing.assert_close(models[0].state_dict(), models[1].state_dict())


def test_gradients_leave_the_parameters_alone() -> None:
    model = student(PAIR, TASK.outputs)
    loop, attached = g2d.Loop(sgd(model)), g2d.attach(model)
    data = batch(PAIR, TASK)
    own, other = model.encoder_parameters("sound"), model.encoder_parameters("image")
    attached.train_only({"sound"})
    loss = TASK.loss(loop.forward(attached, data).logits, data.target)
    found = loop.gradients(loss, [*own, *other])
    assert all(p.grad is None for p in model.parameters())
    assert all(gradient is None for gradient in found[len(own) :])
    loop.backward(loss)
    for parameter, gradient in zip(own, found, strict=False):
        assert torch.equal(parameter.grad, gradient)


def test_looking_leaves_every_module_in_its_mode() -> None:
    model = student(PAIR, TASK.outputs).train()
    model.encoders["image"].eval()
    method = g2d.JointTraining(model, TASK)
    modes = [module.training for module in model.modules()]
    with method.eval_mode():
        assert not any(module.training for module in model.modules())
        assert not model(batch(PAIR, TASK)).logits.requires_grad
    assert [module.training for module in model.modules()] == modes


def test_what_a_loop_lacks_is_told() -> None:
    model = student(PAIR, TASK.outputs)
    with pytest.raises(g2d.UserError, match="iter_train"):
        g2d.Loop(sgd(model)).iter_train()
    with pytest.raises(g2d.UserError, match="on_fit_start"):
        g2d.JointTraining(model, TASK).step(batch(PAIR, TASK))


def test_a_task_that_a_method_is_not_defined_for_is_refused() -> None:
    class ForClasses(g2d.Method):
        tasks = (g2d.Classification,)

    with pytest.raises(g2d.UserError, match="ForClasses is defined for Classification, got Regr"):
        ForClasses(student(PAIR, 1), TASKS["regression"])
