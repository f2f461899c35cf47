"""A student may not be made of what its teachers have frozen."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

import g2d
from g2d.teachers.calibrated import Calibration
from methods.small import TASKS

TASK = TASKS["classification"]
NAMES = ("sound", "image")


class Net(nn.Module):
    """Two encoders and a layer over both."""

    def __init__(self, encoders: dict[str, nn.Module]) -> None:
        super().__init__()
        self.encoders = nn.ModuleDict(encoders)
        self.head = nn.Linear(8, TASK.outputs)

    def forward(self, sound: Tensor, image: Tensor) -> Tensor:
        return self.head(
            torch.cat([self.encoders["sound"](sound), self.encoders["image"](image)], 1)
        )


def teachers() -> dict[str, nn.Sequential]:
    def make() -> nn.Module:
        return nn.Sequential(nn.Linear(6, 5), nn.ReLU(), nn.Linear(5, 4))

    return {name: nn.Sequential(make(), nn.Linear(4, TASK.outputs)) for name in NAMES}


def banked(models: dict[str, nn.Sequential]) -> g2d.OnlineTeachers:
    return g2d.OnlineTeachers({n: g2d.attach(m, {n: m[0]}) for n, m in models.items()}, TASK)


def attached(net: Net) -> g2d.Student:
    return g2d.attach(net, dict(net.encoders.items()))


MAKES: dict[str, Callable[[g2d.Student, g2d.TeacherBank], g2d.Method]] = {
    "G2D": lambda student, bank: g2d.G2D(student, TASK, bank),
    "UMT": lambda student, bank: g2d.UMT(student, TASK, bank),
    "PDMP": lambda student, bank: g2d.PDMP(student, TASK, bank),
    "SMP": lambda student, bank: g2d.SequentialPrioritization(
        g2d.JointTraining(student, TASK), bank, (1, 1)
    ),
}


@pytest.mark.parametrize("calibrated", [False, True])
@pytest.mark.parametrize("make", MAKES.values(), ids=MAKES)
def test_modules_of_a_teacher_in_the_student_are_refused(
    make: Callable[[g2d.Student, g2d.TeacherBank], g2d.Method], calibrated: bool
) -> None:
    models = teachers()
    net = Net({"sound": nn.Linear(6, 4), "image": models["image"][0]})
    bank: g2d.TeacherBank = banked(models)
    if calibrated:
        ones = dict.fromkeys(NAMES, 1.0)
        bank = g2d.CalibratedTeachers(bank, Calibration(ones, ones))
    with pytest.raises(g2d.UserError, match=r"encoder of 'image' has 4 .* copy\.deepcopy"):
        make(attached(net), bank)


def test_a_copy_learns_and_a_backbone_that_was_frozen_before_may_be_shared() -> None:
    models = teachers()
    for model in models.values():
        model[0][0].requires_grad_(False)
    encoders = {n: nn.Sequential(m[0][0], copy.deepcopy(m[0][1:])) for n, m in models.items()}
    net = Net(encoders)
    bank = banked(models)
    student = attached(net)
    method = g2d.UMT(student, TASK, bank)
    rows = torch.randn(3, 6), torch.randn(3, 6)
    method.loss(net(*rows), torch.tensor([0, 1, 2])).backward()
    assert all(p.grad is not None for n in NAMES for p in student.encoder_parameters(n))


def test_a_shared_head_is_named_the_models() -> None:
    models = teachers()
    net = Net({name: nn.Linear(6, 4) for name in NAMES})
    net.aside = models["sound"][1]
    with pytest.raises(g2d.UserError, match="student's model has 2 parameters of a teacher"):
        g2d.UMT(attached(net), TASK, banked(models))
