"""What is given in the wrong form is named in one line, with what is expected."""

from __future__ import annotations

import pytest
import torch
from torch import nn

import g2d
from g2d.errors import UserError

TASK = g2d.Classification(3)


def net() -> nn.ModuleDict:
    return nn.ModuleDict({name: nn.Linear(4, 3) for name in ("sound", "image")})


def student() -> g2d.Student:
    model = net()
    return g2d.attach(model, dict(model))


@pytest.mark.parametrize("method", [g2d.G2D, g2d.G2DLoss, g2d.UMT, g2d.PDMP])
def test_teachers_that_are_no_bank(method) -> None:
    teachers = dict(net())
    with pytest.raises(UserError, match=r"^teachers: got a dict, expected g2d.OnlineTeachers\(\{"):
        method(student(), TASK, teachers)


def test_a_teacher_that_is_a_bare_module() -> None:
    said = r"^teachers: got a Linear for 'sound', expected .* g2d.attach\(net, \{'sound': net.enc"
    with pytest.raises(UserError, match=said):
        g2d.OnlineTeachers({"sound": nn.Linear(4, 3)}, TASK)


def test_a_list_where_modalities_have_names() -> None:
    model = net()
    with pytest.raises(UserError, match=r"^encoders: got a list, expected a mapping such as"):
        g2d.attach(model, list(model.values()))
    with pytest.raises(UserError, match=r"^widths: got a list, expected a mapping such as"):
        g2d.LateFusion([32, 8], 3)


@pytest.mark.parametrize("method", [g2d.JointTraining, g2d.AMCo, g2d.OGM, g2d.MMPareto])
def test_a_number_in_the_place_of_a_task(method) -> None:
    with pytest.raises(UserError, match=r"^task: got int, .* such as g2d.Classification\(7\)$"):
        method(student(), 7)


@pytest.mark.parametrize("ask", ["loss", "losses", "confidence"])
@pytest.mark.parametrize(
    ("task", "target", "said"),
    [
        (TASK, torch.ones(5, 3).long(), r"int64 \(5, 3\), expected class indices \(B,\), .*argmax"),
        (TASK, torch.ones(5), r"float32 \(5,\), expected class indices \(B,\), .*long\(\)"),
        (TASK, torch.ones(5, 1).long(), r"int64 \(5, 1\), expected class indices \(B,\), .*flat"),
        (g2d.MultiLabel(3), torch.ones(5), r"float32 \(5,\), expected 0 or 1 .*, \(B, 3\)$"),
        (g2d.MultiLabel(3), torch.ones(5, 2), r"float32 \(5, 2\), expected 0 or 1 .*, \(B, 3\)$"),
    ],
)
def test_targets_of_another_form(task, target, said, ask) -> None:
    with pytest.raises(UserError, match=f"^target: got {said}"):
        getattr(task, ask)(torch.randn(5, 3), target)


def test_mixed_samples_have_a_probability_of_each_class() -> None:
    """As mixup makes them: the loss is PyTorch's, and what asks for the true class has none."""
    logits, soft = torch.randn(5, 3), torch.rand(5, 3).softmax(dim=1)
    expected = nn.functional.cross_entropy(logits, soft)
    assert torch.allclose(TASK.loss(logits, soft), expected)
    assert torch.allclose(TASK.losses(logits, soft).mean(), expected)
    with pytest.raises(UserError, match=r"^target: got float32 \(5, 3\), expected class indices"):
        TASK.confidence(logits, soft)
