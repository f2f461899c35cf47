"""Joint training, and a loss for every modality beside it."""

from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

import g2d
from g2d import Batch, UserError
from methods.small import NAMES, TASKS, batch, student

PAIR, CLASSES = NAMES[:2], TASKS["classification"]


def test_the_unimodal_losses_are_added_with_their_weight():
    """Computed once more with PyTorch's own cross-entropy, with and without absent samples."""
    model, one = student(PAIR, CLASSES.outputs), batch(PAIR, CLASSES)
    method = g2d.JointTraining(model, CLASSES, gamma=0.25)
    model.train()
    outputs = model(one)
    alone = [cross_entropy(outputs.unimodal[name], one.target) for name in PAIR]
    expected = cross_entropy(outputs.logits, one.target) + 0.25 * sum(alone)
    assert torch.allclose(method.objective(outputs, one), expected)

    there = torch.arange(len(one)) % 2 == 0
    some = Batch(one.inputs, one.target, one.index, {PAIR[0]: there})
    outputs = model(some)
    alone = [
        cross_entropy(outputs.unimodal[PAIR[0]][there], one.target[there]),
        cross_entropy(outputs.unimodal[PAIR[1]], one.target),
    ]
    expected = cross_entropy(outputs.logits, one.target) + 0.25 * sum(alone)
    assert torch.allclose(method.objective(outputs, some), expected)


def test_a_wrong_weight_is_refused():
    with pytest.raises(UserError, match="gamma"):
        g2d.JointTraining(student(PAIR, CLASSES.outputs), CLASSES, gamma=-1.0)
