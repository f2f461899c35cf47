"""Heads beside a model: what stands in place of an absent modality teaches them nothing."""

from __future__ import annotations

import pytest
import torch

from g2d.student.added_heads import AddedHeads


@pytest.mark.parametrize("detached", [False, True])
def test_a_head_answers_zero_where_its_modality_is_absent_and_does_not_learn_from_it(detached):
    random = torch.Generator().manual_seed(0)
    there = torch.tensor([True, False, True, False])
    features = torch.randn(4, 5, generator=random)
    features[~there] = torch.nan
    heads = AddedHeads(["sound"], outputs=3, detached=detached)
    logits = heads.logits({"sound": features}, {"sound": there})["sound"]
    assert torch.equal(logits[~there], torch.zeros(2, 3))
    # a loss that does not know of masks
    (logits - torch.randn(4, 3, generator=random)).square().sum().backward()
    learned = {key: value.grad for key, value in heads.modules["sound"].named_parameters()}

    alone = AddedHeads(["sound"], outputs=3, detached=detached)
    random = torch.Generator().manual_seed(0)
    torch.randn(4, 5, generator=random)
    target = torch.randn(4, 3, generator=random)[there]
    (alone.logits({"sound": features[there]}, None)["sound"] - target).square().sum().backward()
    for key, value in alone.modules["sound"].named_parameters():
        torch.testing.assert_close(learned[key], value.grad)
