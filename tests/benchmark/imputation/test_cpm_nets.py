"""CPM-Nets against brute force over pairs, and the independence of new samples."""

from __future__ import annotations

import math

import pytest
import torch

import g2d
from benchmark.imputation.problem import CLASSES, NAMES, WIDTHS, by_name, tiny, views
from g2d.benchmark.imputation import CPMNets, Views
from g2d.benchmark.imputation.base import seeded
from g2d.benchmark.imputation.cpm_nets import CPMNetwork, class_loss
from reference import cpm_nets as reference

LATENT, HIDDEN = 5, 4


def network(k: int, samples: int, dropout: float = 0.0) -> CPMNetwork:
    torch.manual_seed(2)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    net = CPMNetwork(widths, samples, LATENT, HIDDEN, dropout, CLASSES).double()
    torch.nn.init.normal_(net.latents)
    return net


def parameters(net) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone().double() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("k", [2, 3])
def test_loss_and_gradients(k):
    x, there, target = tiny(k=k)
    net = network(k, len(x))
    ours = net.training_loss(by_name(x), there, target, 10.0)
    p = {name: value.requires_grad_() for name, value in parameters(net).items()}
    theirs = reference.reconstruction(p, NAMES[:k], p["latents"], x, there.tolist())
    classes = reference.class_term(p["latents"], target.tolist(), CLASSES)
    assert classes > 0
    theirs = theirs + 10 * classes
    torch.testing.assert_close(ours, theirs)
    names = [name for name, _ in net.named_parameters()]
    wanted = torch.autograd.grad(theirs, [p[name] for name in names])
    for one, other in zip(torch.autograd.grad(ours, list(net.parameters())), wanted, strict=True):
        torch.testing.assert_close(one, other)


def test_a_class_of_one_sample_and_a_class_of_none():
    x, _, _ = tiny()
    target = torch.tensor([0, 0, 1, 0, 0, 0, 0])
    net = network(3, len(x))
    scores = net.similarity(net.latents, target, own=True)
    assert (scores[:, 2] == -math.inf).all()
    theirs = reference.class_term(net.latents.detach(), target.tolist(), CLASSES)
    torch.testing.assert_close(class_loss(scores, target), theirs)


def test_training_takes_the_steps_of_the_equations():
    x, there, target = tiny()
    epochs, steps, rates = 2, 2, (0.001, 0.01)
    data = Views(
        {name: value.float() for name, value in by_name(x).items()},
        {name: there[:, m] for m, name in enumerate(NAMES)},
        target,
    )
    method = CPMNets(
        g2d.Classification(CLASSES),
        latent=LATENT,
        hidden=HIDDEN,
        epochs=epochs,
        steps=steps,
        test_epochs=3,
        dropout=0.0,
        validate_every=epochs,
    )
    method.fit(data, data, seed=4)
    with seeded(4, torch.device("cpu")):
        begin = CPMNetwork(WIDTHS, len(x), LATENT, HIDDEN, 0.0, CLASSES)
    scaled = []
    for i, row in enumerate(x):
        scaled.append([])
        for m, view in enumerate(row):
            seen = torch.cat([x[j][m] for j in range(len(x)) if there[j, m]])
            value = (view - seen.mean()) / (seen.max() - seen.min())
            scaled[i].append(value)
    options = (NAMES, scaled, there.tolist(), target.tolist(), CLASSES)
    p = reference.fit(
        parameters(begin), *options, weight=10.0, epochs=epochs, steps=steps, rates=rates
    )
    for name, value in method.network.state_dict().items():
        torch.testing.assert_close(value.double(), p[name], rtol=0, atol=1e-4)
        moved = (value - begin.state_dict()[name]).abs().max()
        assert moved > (0.009 if name == "latents" else 0.0009)
    for i, logits in enumerate(method.logits(data)):
        theirs = reference.predict(
            p, NAMES, scaled[i], there[i].tolist(), target.tolist(), CLASSES, steps=6, rate=0.01
        )
        torch.testing.assert_close(logits.double(), theirs, rtol=0, atol=1e-4)


def test_two_layers_are_one_linear_map():
    net = network(3, 4, dropout=0.5).eval()
    latents = torch.randn(3, LATENT, dtype=torch.float64)
    for name, (weight, shift) in net.linear_maps().items():
        torch.testing.assert_close(latents @ weight.T + shift, net.decoders[name](latents))


def test_a_new_sample_is_alone():
    """With the decoders at rest its latent depends on its own views and nothing else."""
    method = CPMNets(g2d.Classification(CLASSES), latent=8, hidden=6, epochs=10, test_epochs=20)
    method.fit(views(90), views(30, seed=1), seed=0)
    test = views(12, seed=2)
    together = method.latents(test)
    before = {name: value.clone() for name, value in method.network.state_dict().items()}
    for i in range(len(test)):
        one = Views(
            {name: value[i : i + 1] for name, value in test.features.items()},
            {name: value[i : i + 1] for name, value in test.present.items()},
            test.target[i : i + 1],
        )
        torch.testing.assert_close(method.latents(one)[0], together[i], rtol=1e-3, atol=1e-4)
    torch.testing.assert_close(before, method.network.state_dict(), rtol=0, atol=0)


def test_regression_is_refused():
    task = g2d.Regression.fit(torch.tensor([1.0, 2.0]))
    with pytest.raises(g2d.UserError, match="CPMNets is defined for Classification, got Regr"):
        CPMNets(task)
