"""TATE against its equations, and tags that follow the mask of every sample."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import g2d
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
from g2d.benchmark.imputation import TATE, Views
from g2d.benchmark.imputation.base import seeded
from g2d.benchmark.imputation.tags import tags
from g2d.benchmark.imputation.tate_network import TATENetwork, symmetric_kl, tag_error
from reference import tate as reference
from reference.views import Adam

WIDTH, HEADS = 8, 2
TASK = InDouble(CLASSES)


def network(k: int, seed: int = 1) -> TATENetwork:
    torch.manual_seed(seed)
    widths = {name: WIDTHS[name] for name in NAMES[:k]}
    net = TATENetwork(widths, CLASSES, WIDTH, HEADS, dropout=0.0).double()
    for parameter in net.parameters():
        nn.init.normal_(parameter, mean=0.1, std=0.4)
    return net


def parameters(net: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.detach().clone().double() for name, value in net.state_dict().items()}


@pytest.mark.parametrize("k", [2, 3])
@pytest.mark.parametrize("tokens", [1, 3])
def test_network(k, tokens):
    """In train mode, and in eval mode, where torch may take another way through the blocks."""
    x, there, _ = tiny(k=k)
    drawn = torch.Generator().manual_seed(0)
    x = [
        [torch.randn(tokens, len(v), generator=drawn, dtype=torch.float64) for v in row]
        for row in x
    ]
    net = network(k)
    inputs = {name: torch.stack([row[m] for row in x]) for m, name in enumerate(NAMES[:k])}
    for out in (net(inputs, there), net.eval()(inputs, there)):
        for i, row in enumerate(x):
            made = reference.network(
                parameters(net), NAMES[:k], row, there[i].tolist(), HEADS, net.padding
            )
            torch.testing.assert_close(out.logits[i], made.logits)
            for ours, theirs in (
                (out.tokens, made.tokens),
                (out.encoded, made.encoded),
                (out.decoded, made.decoded),
            ):
                torch.testing.assert_close(ours[i], torch.stack(theirs))


@pytest.mark.parametrize("k", [2, 3])
def test_loss_and_gradients(k):
    x, there, target = tiny(k=k)
    hidden, net, teacher = hidden_of(there), network(k), network(k, seed=2)
    method = TATE(TASK)
    visible = there & ~hidden
    out, truth = net(by_name(x), visible), teacher(by_name(x), there)
    ours = method._loss(net, out, visible, target)
    ours = ours + 0.1 * symmetric_kl(out.encoded, truth.encoded.detach()).sum()
    p = {name: value.requires_grad_() for name, value in parameters(net).items()}
    theirs = reference.loss(
        p,
        NAMES[:k],
        x,
        there.tolist(),
        hidden.tolist(),
        target.tolist(),
        HEADS,
        net.padding,
        parameters(teacher),
    )
    torch.testing.assert_close(ours, theirs)
    names = [name for name, _ in net.named_parameters()]
    wanted = torch.autograd.grad(theirs, [p[name] for name in names])
    for one, other in zip(torch.autograd.grad(ours, list(net.parameters())), wanted, strict=True):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-8)


def test_training_takes_the_steps_of_the_equations():
    """One step of each network, the second on X* of the first as it ends."""
    x, there, target = tiny()
    data = Views(
        {name: value.float() for name, value in by_name(x).items()},
        {name: there[:, m] for m, name in enumerate(NAMES)},
        target,
    )
    method = TATE(
        TASK,
        width=WIDTH,
        heads=HEADS,
        dropout=0.0,
        hidden_share=0.0,
        teacher_weight=5.0,
        teacher_epochs=1,
        epochs=1,
    )
    method.fit(data, data, seed=6)
    with seeded(6, torch.device("cpu")):
        first, second = (TATENetwork(WIDTHS, CLASSES, WIDTH, HEADS, 0.0) for _ in range(2))
    scaled = [[] for _ in x]
    for m in range(len(NAMES)):
        seen = torch.stack([x[j][m] for j in range(len(x)) if there[j, m]])
        mean, deviation = seen.mean(dim=0), ((seen - seen.mean(dim=0)) ** 2).mean(dim=0).sqrt()
        for row, source in zip(scaled, x, strict=True):
            row.append((source[m] - mean) / deviation)
    nothing = torch.zeros_like(there).tolist()
    fixed = (NAMES, scaled, there.tolist(), nothing, target.tolist(), HEADS, first.padding)
    teacher, student = parameters(first), parameters(second)
    teacher = Adam(0.001).step(teacher, list(teacher), lambda q: reference.loss(q, *fixed))
    weights = (5.0, 0.1, 0.1, 1e-5)
    before = student

    def loss(q):
        return reference.loss(q, *fixed, teacher, weights)

    leaves = {name: value.detach().requires_grad_() for name, value in student.items()}
    gradients = torch.autograd.grad(loss(leaves), list(leaves.values()), allow_unused=True)
    student = Adam(0.001).step(student, list(student), loss)
    ours = parameters(method.network)
    assert any(not torch.equal(before[name], value) for name, value in student.items())
    near = torch.cat([((ours[n] - value).abs() < 1e-5).flatten() for n, value in student.items()])
    # one step of Adam is the sign of the gradient, and of a gradient near zero that is rounding
    size = torch.cat(
        [
            torch.zeros_like(value).flatten() if found is None else found.abs().flatten()
            for value, found in zip(student.values(), gradients, strict=True)
        ]
    )
    told = size > 1e-6 * size.max()
    assert told.double().mean() > 0.5
    assert near[told].double().mean() > 0.99


# -- tags (the official code gives every sample the same)


def test_tags_of_three_views_are_those_of_the_paper():
    rows = {
        (1, 1, 1): [1, 0, 0, 0],
        (0, 1, 1): [0, 1, 0, 0],
        (1, 0, 1): [0, 0, 1, 0],
        (1, 1, 0): [0, 0, 0, 1],
        (0, 0, 1): [0, 1, 1, 0],
        (0, 1, 0): [0, 1, 0, 1],
        (1, 0, 0): [0, 0, 1, 1],
    }
    found = tags(torch.tensor(list(rows)).bool())
    assert found.tolist() == [[float(bit) for bit in bits] for bits in rows.values()]


@pytest.mark.parametrize("k", [2, 3, 4, 5])
def test_the_tag_of_every_token_follows_the_mask_of_its_own_sample(k):
    names = [f"view {m}" for m in range(k)]
    torch.manual_seed(0)
    net = TATENetwork(dict.fromkeys(names, 3), 2, width=12, heads=4)
    patterns = torch.cartesian_prod(*[torch.tensor([False, True])] * k)
    there = patterns[patterns.any(dim=1)]
    x = {name: torch.randn(len(there), 3) for name in names}
    out = net(x, there)
    tail = out.tokens[:, :, net.common :]
    assert tail.shape[1] == k
    assert out.tokens.shape[2] % 4 == 0
    for row, tokens in zip(there.tolist(), tail.tolist(), strict=True):
        for token in tokens:
            assert token == reference.tag(row) + [0.0] * net.padding


def test_an_absent_view_changes_what_is_said_though_its_features_are_the_mean():
    """A view of zeros that is there is another thing than one that is not."""
    net = network(3).eval()
    x = {name: torch.zeros(2, width, dtype=torch.float64) for name, width in WIDTHS.items()}
    logits = net(x, torch.tensor([[True, True, True], [True, True, False]])).logits
    assert (logits[0] - logits[1]).abs().max() > 1e-3


# -- the terms by themselves


def test_divergence_is_symmetric_not_negative_and_zero_for_equals():
    drawn = torch.Generator().manual_seed(0)
    x, y = (3 * torch.randn(4, 2, 5, generator=drawn) for _ in range(2))
    torch.testing.assert_close(symmetric_kl(x, y), symmetric_kl(y, x))
    assert (symmetric_kl(x, y) > 0).all()
    assert (symmetric_kl(x, x) == 0).all()
    torch.testing.assert_close(symmetric_kl(x, x + 1), torch.zeros(4), rtol=0, atol=1e-6)


def test_tag_error_is_zero_for_the_tag():
    there = torch.tensor([[True, False], [True, True]])
    assert (tag_error(tags(there), there) == 0).all()
    assert (tag_error(1 - tags(there), there) == 1).all()


def test_tokens_of_different_lengths_are_taken():
    data = views(60)
    sequences = {
        name: feature[:, None].expand(-1, length, -1) + torch.arange(length)[:, None]
        for length, (name, feature) in enumerate(data.features.items(), start=1)
    }
    many = Views(sequences, data.present, data.target)
    method = TATE(TASK, width=8, heads=2, teacher_epochs=1, epochs=2)
    method.fit(many, many, seed=0)
    assert method.logits(many).isfinite().all()


def test_heads_must_divide_the_width():
    with pytest.raises(g2d.UserError, match="heads must divide"):
        TATE(TASK, width=10, heads=4)
