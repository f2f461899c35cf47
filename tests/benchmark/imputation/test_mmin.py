"""MMIN against its equations."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

from benchmark.imputation.problem import (
    CLASSES,
    NAMES,
    WIDTHS,
    InDouble,
    by_name,
    hidden_of,
    tiny,
    views,
)
from g2d.benchmark.imputation import MMIN
from g2d.benchmark.imputation.mmin import FullNetwork, ImaginationNetwork
from g2d.benchmark.imputation.training import Phase, train
from reference import mmin as reference
from reference.views import Adam

BLOCKS, WIDTH = 2, 4
TASK = InDouble(CLASSES)


def network(k: int) -> ImaginationNetwork:
    """Encoders that have moved away from their teacher, and no dropout."""
    torch.manual_seed(5)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    full = FullNetwork(widths, CLASSES, WIDTH)
    net = ImaginationNetwork(full.encoders, WIDTH, CLASSES, BLOCKS).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.2)
    return without_dropout(net)


def without_dropout(net):
    for module in net.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return net


def parameters(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


def total(net, x, there, hidden, target, rows):
    x = {name: value[rows] for name, value in x.items()}
    logits, forward, backward = net.losses(x, there[rows], hidden[rows])
    return TASK.loss(logits, target[rows]) + 4 * forward + 2 * backward


@pytest.mark.parametrize("k", [2, 3])
def test_loss_and_gradients(k):
    x, there, target = tiny(k=k)
    hidden, net = hidden_of(there), network(k)
    assert hidden.any()
    ours = total(net, by_name(x), there, hidden, target, torch.arange(len(x)))
    learning = {name: p for name, p in net.named_parameters() if p.requires_grad}
    assert not any(name.startswith("teacher") for name in learning)
    p = {name: value.requires_grad_() for name, value in parameters(net).items()}
    theirs = reference.loss(
        p, NAMES[:k], x, there.tolist(), hidden.tolist(), target.tolist(), BLOCKS
    )
    torch.testing.assert_close(ours, theirs)
    wanted = torch.autograd.grad(theirs, [p[name] for name in learning])
    for one, other in zip(torch.autograd.grad(ours, list(learning.values())), wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_samples_with_nothing_hidden_skip_the_imagination():
    x, there, target = tiny()
    net, nothing = network(3), torch.zeros_like(there)
    logits, forward, backward = net.losses(by_name(x), there, nothing)
    assert forward == 0
    assert backward == 0
    theirs = reference.loss(
        parameters(net), NAMES, x, there.tolist(), nothing.tolist(), target.tolist(), BLOCKS
    )
    torch.testing.assert_close(TASK.loss(logits, target), theirs)


def test_steps_with_momentum_clipping_and_decay():
    x, there, target = tiny()
    hidden, net = hidden_of(there), network(3)
    p = parameters(net)
    inputs, clip = by_name(x), 0.05
    train(
        net.parts(),
        lambda rows: total(net, inputs, there, hidden, target, rows),
        torch.arange(len(x)),
        Phase(1, 2, learning_rate=0.01, betas=(0.5, 0.999), clip=clip),
    )
    beginnings = [*(f"encoders.{name}." for name in NAMES), "there.", "back.", "classifier."]
    groups = [
        lambda name, beginning=beginning: name.startswith(beginning) for beginning in beginnings
    ]
    adam = Adam(0.01, (0.5, 0.999))
    for factor in (1.0, 2 / 3, 1 / 3):
        p = adam.step(
            p,
            [name for name in p if not name.startswith("teacher.")],
            lambda q: reference.loss(
                q, NAMES, x, there.tolist(), hidden.tolist(), target.tolist(), BLOCKS
            ),
            factor,
            groups,
            clip,
        )
    torch.testing.assert_close(parameters(net), p)


def test_stage_one():
    x, there, target = tiny()
    torch.manual_seed(0)
    full = without_dropout(FullNetwork(WIDTHS, CLASSES, WIDTH).double())
    ours = TASK.loss(full(by_name(x), there), target)
    theirs = reference.full_loss(parameters(full), NAMES, x, there.tolist(), target.tolist())
    torch.testing.assert_close(ours, theirs)


def test_the_teacher_is_what_stage_one_ends_with_and_stays_so():
    data = views(60)
    one = MMIN(TASK, width=8, blocks=1, teacher_epochs=2, epochs=1)
    more = MMIN(TASK, width=8, blocks=1, teacher_epochs=2, epochs=4, learning_rate=1e-3)
    for method in (one, more):
        method.fit(data, data, seed=0)
    taught = more.network.teacher.state_dict()
    torch.testing.assert_close(one.network.teacher.state_dict(), taught, rtol=0, atol=0)
    learned = more.network.encoders.state_dict()
    assert all(not torch.equal(value, taught[name]) for name, value in learned.items())


def test_nothing_to_imagine_is_said(caplog):
    data = views(40, k=2, rate=0.5)
    method = MMIN(TASK, width=8, blocks=1, teacher_epochs=1, epochs=1)
    with caplog.at_level(logging.WARNING):
        method.fit(data, data, seed=0)
    assert "no imagination" in caplog.text
    assert method.logits(data).isfinite().all()
