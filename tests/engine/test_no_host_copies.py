"""No step of training reads a number back: on a GPU each such read waits for the whole queue."""

from __future__ import annotations

import pytest
import torch

from g2d import G2D, UMT, G2DLoss, JointTraining, SequentialPrioritization
from g2d.data.loader import make_loader
from g2d.engine.epoch import train_epoch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings
from host_reads import Reads
from toy_parts import SPLITS, TASK, bank, cached, student

CONFIDENCE = {"near": 0.9, "far": 0.2}


METHODS = {
    "joint": lambda model, teachers: JointTraining(model, TASK),
    "umt": lambda model, teachers: UMT(model, TASK, teachers),
    "g2d loss": lambda model, teachers: G2DLoss(model, TASK, teachers),
    "g2d, one alone": lambda model, teachers: G2D(
        model, TASK, teachers, (1, 1), confidence=CONFIDENCE
    ),
    "g2d, all": lambda model, teachers: G2D(model, TASK, teachers, (0, 1), confidence=CONFIDENCE),
    "g2d, partial": lambda model, teachers: G2D(
        model, TASK, teachers, (1, 1), confidence=CONFIDENCE, suppression="partial"
    ),
    "joint+smp": lambda model, teachers: SequentialPrioritization(
        JointTraining(model, TASK), teachers, (1, 1), confidence=CONFIDENCE
    ),
}


def reads_of_an_epoch(method, optimizer, tmp_path, online):
    settings = TrainingSettings(accelerator="cpu", optimizer=optimizer, clip_norm=1.0)
    fabric = settings.make_fabric()
    model = student()
    made = METHODS[method](model, bank() if online else cached(tmp_path))
    setup = fabric.setup(model, settings.make_optimizer(made.parameter_groups()))
    made.on_fit_start(FabricLoop(fabric, *setup, clip_norm=1.0))
    batches = list(make_loader(SPLITS.train, 16, shuffle=False))
    model.train()
    made.on_epoch_start(0)
    with Reads() as reads:
        train_epoch(made, batches, 1, Silent())
    return reads.seen, len(batches)


@pytest.mark.parametrize("online", [True, False], ids=["online", "cached"])
@pytest.mark.parametrize("method", METHODS)
def test_an_epoch_reads_its_loss_once_whatever_the_number_of_steps(method, online, tmp_path):
    seen, steps = reads_of_an_epoch(method, "sgd", tmp_path, online)
    assert steps > 3
    assert seen == {"aten::_local_scalar_dense": 1}


def test_the_counter_counts():
    with Reads() as reads:
        torch.ones(3).sum().item()
        torch.ones(3).nonzero()
        values = torch.ones(3)
        values[values > 0]
        values.tolist()
        values.cpu()
    assert reads.seen == {
        "aten::_local_scalar_dense": 1,
        "aten::nonzero": 1,
        "aten::index": 1,
        "tolist": 1,
        "cpu": 1,
    }
