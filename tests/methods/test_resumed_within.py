"""Resumed in the middle of an epoch, a loop ends in the weights of one that ran through."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import torch
from torch import Tensor

import g2d
from integrations.plain import TASK, Net, data, net, sgd

EPOCHS, STEPS = 4, 4
METHODS: dict[str, Callable[[g2d.Student], g2d.Method]] = {
    "agm": lambda student: g2d.AGM(student, TASK, window=(0, 1)),
    "amco": lambda student: g2d.AMCo(student, TASK),
    "arl": lambda student: g2d.ARL(student, TASK),
    "cggm": lambda student: g2d.CGGM(student, TASK),
    "dlmg": lambda student: g2d.DLMG(student, TASK, alpha="fitted"),
    "gradient_blending": lambda student: g2d.GradientBlending(student, TASK, super_epoch=1),
    "inforeg": lambda student: g2d.InfoReg(student, TASK, first=0, threshold=0),
    "mlb": lambda student: g2d.MLB(student, TASK),
    "mmpareto": lambda student: g2d.MMPareto(student, TASK),
    "mses": lambda student: g2d.MSES(student, TASK),
    "mslr": lambda student: g2d.MSLR(student, TASK, history=1),
    "ogm": lambda student: g2d.OGM(student, TASK, window=(0, 1)),
    "opm": lambda student: g2d.OPM(student, TASK, warmup=0),
    "pmr": lambda student: g2d.PMR(student, TASK, window=(0, 1)),
    "relearning": lambda student: g2d.Relearning(student, TASK, every=1, times=3),
    "smv": lambda student: g2d.SampleValuation(student, TASK, warmup=0, level="modality"),
}


class Training:
    """A model, its method and its optimizer, as a script would make them anew."""

    def __init__(self, name: str) -> None:
        self.model = net()
        self.method = METHODS[name](self.model.attached())
        self.optimizer = sgd(self.method)
        self.method.on_fit_start(
            g2d.Loop(self.optimizer, epochs=EPOCHS, iter_train=self.iter_train)
        )

    def iter_train(self, fraction: float, seed: int) -> Iterator[Any]:
        for rows in torch.arange(64).split(16):
            audio, video, target = data()[rows]
            yield self.model(audio, video), target, {"index": rows}

    def run(self, first: int, last: int) -> None:
        """Steps, counted from 0 over all epochs, each of which is told of where it is entered."""
        for step in range(first, last):
            epoch, within = divmod(step, STEPS)
            if within == 0 or step == first:
                self.model.train()
                self.method.on_epoch_start(epoch)
            rows = torch.arange(64)[16 * within : 16 * within + 16]
            audio, video, target = data()[rows]
            self.method.loss(self.model(audio, video), target, index=rows).backward()
            self.method.adjust_gradients()
            self.optimizer.step()
            self.optimizer.zero_grad()
            if within == STEPS - 1:
                validation = g2d.Validation(self.method)
                with torch.no_grad():
                    audio, video, target = data(seed=5)[:]
                    validation.add(self.model.eval()(audio, video), target)
                self.method.on_validation_end(validation.read())

    def saved(self) -> bytes:
        file = io.BytesIO()
        parts = (self.model, self.optimizer, self.method.student, self.method)
        torch.save([part.state_dict() for part in parts], file)
        return file.getvalue()

    def load(self, saved: bytes) -> None:
        model, optimizer, student, method = torch.load(io.BytesIO(saved), weights_only=True)
        self.model.load_state_dict(model)
        self.method.student.load_state_dict(student)
        self.optimizer.load_state_dict(optimizer)
        self.method.load_state_dict(method)


def weights(model: Net) -> dict[str, Tensor]:
    return {key: value.clone() for key, value in model.state_dict().items()}


@pytest.mark.parametrize("at", [STEPS, STEPS + 2, 2 * STEPS + 2])
@pytest.mark.parametrize("name", METHODS)
def test_resumed_it_ends_in_the_same_weights(name: str, at: int) -> None:
    whole = Training(name)
    whole.run(0, EPOCHS * STEPS)
    first = Training(name)
    first.run(0, at)
    second = Training(name)
    second.load(first.saved())
    second.run(at, EPOCHS * STEPS)
    found, expected = weights(second.model), weights(whole.model)
    assert all(torch.equal(found[key], value) for key, value in expected.items())
