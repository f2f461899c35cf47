"""The best epoch is kept, and every sample is seen once in each."""

from __future__ import annotations

import torch
from torch import nn

import g2d
from g2d.benchmark.imputation.base import seeded
from g2d.benchmark.imputation.training import Best, Phase, train


def test_the_best_weights_come_back_and_of_equals_the_first():
    layer = nn.Linear(1, 1)
    best = Best(g2d.Classification(2), [layer])
    for value, score in ((1.0, 0.5), (2.0, 0.8), (3.0, 0.8), (4.0, 0.1)):
        nn.init.constant_(layer.weight, value)
        best.see(score)
    best.restore()
    assert layer.weight.item() == 2.0
    assert best.score == 0.8


def test_small_is_good_where_the_task_says_so():
    layer = nn.Linear(1, 1)
    best = Best(g2d.Regression(0, 1, 1), [layer])
    for value, score in ((1.0, 0.5), (2.0, 0.1), (3.0, 0.7)):
        nn.init.constant_(layer.weight, value)
        best.see(score)
    best.restore()
    assert layer.weight.item() == 2.0


def test_every_row_once_an_epoch_and_no_other():
    layer = nn.Linear(1, 1)
    seen: list[list[int]] = [[]]
    modes: list[bool] = []

    def loss(rows):
        seen[-1] += rows.tolist()
        modes.append(layer.training)
        return layer(torch.ones(len(rows), 1)).sum()

    def after():
        assert not layer.training
        seen.append([])

    train([layer], loss, torch.arange(3, 20), Phase(3, batch_size=4), after)
    assert all(modes)
    assert [sorted(epoch) for epoch in seen[:-1]] == [list(range(3, 20))] * 3
    assert seen[0] != seen[1]


def test_seeding_is_undone():
    torch.manual_seed(1)
    before = torch.get_rng_state()
    with seeded(5, torch.device("cpu")):
        first = torch.rand(3)
    with seeded(5, torch.device("cpu")):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.get_rng_state(), before)
