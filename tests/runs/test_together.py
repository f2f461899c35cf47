"""A student together with its teachers is weighed on validation, and test changes nothing of it."""

from __future__ import annotations

import pytest
import torch

from g2d import Batch, Classification
from g2d.runs.together import with_teachers
from g2d.teachers.bank import OnlineTeachers
from g2d.teachers.calibrated import HeldOut
from runs.test_teacher_floors import parrot

TASK = Classification(2, threshold="validation")


def said_by(columns, target):
    """Teachers that say their inputs, asked about them."""
    teachers = {name: parrot(name) for name in columns}
    batch = Batch(columns, target, torch.arange(len(target)))
    return HeldOut(OnlineTeachers(teachers, TASK), [batch])


def measured(test_target, scale=1.0):
    """Validation and test with the same logits; those of test may have another scale."""
    draw = torch.Generator().manual_seed(0)
    target = (torch.arange(200) % 5 == 0).long()
    signs = (2.0 * target - 1)[:, None] * torch.tensor([-0.5, 0.5])
    said = [signs + torch.randn(200, 2, generator=draw) for _ in range(3)]
    targets = {"val": target, "test": test_target(target)}
    fused = {"val": said[0], "test": scale * said[0]}
    columns = {"a": scale * said[1], "b": scale * said[2]}
    asked = {
        "val": said_by({"a": said[1], "b": said[2]}, target),
        "test": said_by(columns, targets["test"]),
    }
    return with_teachers(TASK, fused, targets, asked, {"a": 1.0, "b": 1.0})


def test_weights_and_threshold_do_not_know_test():
    same, turned = measured(lambda target: target), measured(lambda target: 1 - target)
    assert same["val"] == turned["val"] == same["test"]
    assert (same["weights"], same["shares"]) == (turned["weights"], turned["shares"])
    # of two classes whoever is right is wrong where all labels are the other one
    assert turned["test"]["accuracy"] == pytest.approx(1 - same["test"]["accuracy"])
    assert measured(lambda target: target, scale=9.0)["weights"] == same["weights"]
