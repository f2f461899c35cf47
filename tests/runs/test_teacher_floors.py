"""Floors and calibration are chosen on validation, and kept."""

from __future__ import annotations

from dataclasses import asdict

import torch

from g2d import Batch, Classification, OnlineTeachers, UnimodalModel
from g2d.runs.floors import CALIBRATION, calibration_of, measure_floors
from g2d.runs.run import Run
from g2d.teachers.calibrated import Calibration, HeldOut

TASK = Classification(2)
TARGET = torch.tensor([0, 1] * 10)


def parrot(name):
    """A teacher that answers with its input."""
    model = UnimodalModel(name, torch.nn.Identity(), width=2, outputs=2)
    with torch.no_grad():
        model.head.weight.copy_(torch.eye(2))
        model.head.bias.zero_()
    return model


def answers(right):
    """Logits of which so many are right."""
    said = torch.where(torch.arange(len(TARGET)) < right, TARGET, 1 - TARGET)
    return 2.0 * torch.nn.functional.one_hot(said, 2)


def asked(**right):
    teachers = OnlineTeachers({name: parrot(name) for name in right}, TASK)
    inputs = {name: answers(count) for name, count in right.items()}
    return HeldOut(teachers, [Batch(inputs, TARGET, torch.arange(len(TARGET)))])


def test_the_floor_is_the_teacher_that_is_best_on_validation():
    split = {"val": asked(a=12, b=16), "test": asked(a=18, b=10)}
    fused = {name: answers(14) for name in split}
    targets = dict.fromkeys(split, TARGET)
    found = measure_floors(TASK, fused, targets, None, split, {"a": 0.0, "b": 1.0})
    assert found["modality"] == "b"
    assert [found[name]["single"]["accuracy"] for name in split] == [0.8, 0.5]
    assert [found[name]["above"] for name in split] == [["single", "ensemble"], []]


def test_a_resumed_run_keeps_the_calibration_that_it_began_with(tmp_path):
    """Of other threads or another machine the fit may end in other last digits."""
    heldout = asked(a=12, b=16)
    kept = Calibration({"a": 2.0, "b": 3.0}, {"a": 0.5, "b": 0.25})
    assert calibration_of(Run(tmp_path), heldout) == heldout.calibration() != kept
    Run(tmp_path).write_json(CALIBRATION, asdict(kept))
    assert calibration_of(Run(tmp_path), heldout) == kept
