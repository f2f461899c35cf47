"""CRA against its equations, and what becomes of it where there is nothing to learn from."""

from __future__ import annotations

import logging

import pytest
import torch
from torch import nn

import g2d
from benchmark.imputation.problem import CLASSES, NAMES, WIDTHS, hidden_of, tiny, views
from g2d.benchmark.imputation import CRA
from g2d.benchmark.imputation.cra import CRANetwork
from g2d.benchmark.imputation.training import Phase, train
from reference import cra as reference
from reference.views import Adam

BLOCKS = 3


def network(k: int) -> CRANetwork:
    torch.manual_seed(3)
    net = CRANetwork([WIDTHS[name] for name in NAMES[:k]], CLASSES, BLOCKS).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, std=0.1)
    return net


def parameters(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("k", [2, 3])
def test_loss_and_gradient_of_all_blocks(k):
    x, there, _ = tiny(k=k)
    hidden, net = hidden_of(there), network(k)
    loss = net.cascade_loss(torch.stack([torch.cat(row) for row in x]), hidden)
    p = {name: value.requires_grad_() for name, value in parameters(net).items()}
    expected = reference.loss(p, x, there.tolist(), hidden.tolist(), BLOCKS)
    torch.testing.assert_close(loss, expected)
    names = [name for name in p if name.startswith("cascade")]
    ours = torch.autograd.grad(loss, list(net.cascade.parameters()))
    theirs = torch.autograd.grad(expected, [p[name] for name in names])
    for one, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, other)


def test_a_block_learns_alone():
    x, there, _ = tiny()
    hidden, net = hidden_of(there), network(3)
    loss = net.block_loss(torch.stack([torch.cat(row) for row in x]), hidden, 1)
    expected = reference.loss(parameters(net), x, there.tolist(), hidden.tolist(), 2)
    torch.testing.assert_close(loss, expected)
    loss.backward()
    moved = {name for name, p in net.named_parameters() if p.grad is not None}
    assert moved == {name for name, _ in net.named_parameters() if ".blocks.1." in name}


def test_three_steps_are_those_of_adam_on_the_equations():
    x, there, _ = tiny()
    hidden, net = hidden_of(there), network(3)
    stacked = torch.stack([torch.cat(row) for row in x])
    p = parameters(net)
    train(
        [net.cascade],
        lambda rows: net.cascade_loss(stacked[rows], hidden[rows]),
        torch.arange(len(x)),
        Phase(3, learning_rate=0.01),
    )
    adam = Adam(0.01)
    for _ in range(3):
        p = adam.step(
            p,
            [name for name in p if name.startswith("cascade")],
            lambda q: reference.loss(q, x, there.tolist(), hidden.tolist(), BLOCKS),
        )
    torch.testing.assert_close(parameters(net), p)


def test_what_is_observed_is_put_back_before_the_classifier():
    x, there, _ = tiny()
    net = network(3).eval()
    ours = net(torch.stack([torch.cat(row) for row in x]), there)
    for row, present, logits in zip(x, there.tolist(), ours, strict=True):
        torch.testing.assert_close(logits, reference.logits(parameters(net), row, present, BLOCKS))


@pytest.mark.parametrize("targets", ["drop", "complete"])
def test_views_that_follow_from_the_others_are_filled_in(targets):
    """Every view is a linear map of the same two numbers; zero is the best without a look."""
    drawn = torch.Generator().manual_seed(0)
    full = views(250, rate=0.2, absent=0.0)
    hidden = torch.randn(len(full), 2, generator=drawn)
    maps = {name: torch.randn(2, width, generator=drawn) for name, width in WIDTHS.items()}
    truth = {name: hidden @ matrix for name, matrix in maps.items()}
    data = g2d.benchmark.imputation.Views(truth, full.present, full.target)
    method = CRA(
        g2d.Classification(CLASSES),
        targets=targets,
        blocks=2,
        joint_epochs=20,
        stage_epochs=2,
        classifier_epochs=1,
        learning_rate=1e-3,
        batch_size=32,
    )
    method.fit(data, data, seed=0)
    filled = method.impute(data)
    for name, feature in truth.items():
        there = data.present[name]
        mean, deviation = feature[there].mean(dim=0), feature[there].std(dim=0, unbiased=False)
        scaled = (feature - mean) / deviation
        torch.testing.assert_close(filled[name][there], scaled[there])
        error = ((filled[name] - scaled)[~there] ** 2).mean()
        assert error < 0.2 * (scaled[~there] ** 2).mean()


def test_without_two_views_in_any_sample_absent_ones_stay_zero(caplog):
    data = views(40, k=2, rate=0.5)
    assert not data.presence.all(dim=1).any()
    method = CRA(g2d.Classification(CLASSES), blocks=2, classifier_epochs=1)
    with caplog.at_level(logging.WARNING):
        method.fit(data, data, seed=0)
    assert "absent views zero" in caplog.text
    for name, values in method.impute(data).items():
        assert (values[~data.present[name]] == 0).all()
        assert (values[data.present[name]] != 0).any()


def test_joint_training_predicts():
    data = views(120)
    method = CRA(
        g2d.Classification(CLASSES),
        joint=True,
        blocks=2,
        stage_epochs=2,
        joint_epochs=10,
        learning_rate=1e-3,
        batch_size=16,
    )
    method.fit(data, views(60, seed=1), seed=0)
    test = views(200, seed=2)
    assert (method.logits(test).argmax(dim=1) == test.target).float().mean() > 0.7
