"""The loop of the README and the example is the engine's: the same weights come out."""

from __future__ import annotations

import copy
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

import g2d
from g2d.engine import TrainingSettings, fit

ROOT = Path(__file__).parents[2]
NAMES = ("camera", "microphone")


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("own_loop", ROOT / "examples" / "own_loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.EPOCHS = 4
    return module


class InOrder(torch.utils.data.DataLoader):
    """The example's batches, in its order, as the engine takes them."""

    def __init__(self, samples):
        batches = [
            g2d.Batch({"camera": camera, "microphone": microphone}, y, torch.arange(len(y)))
            for camera, microphone, y in samples
        ]
        super().__init__(batches, batch_size=None)


class Late(torch.nn.Module):
    """A plain module that computes what late fusion does."""

    def __init__(self, model):
        super().__init__()
        self.eyes = copy.deepcopy(model.encoders["camera"])
        self.ears = copy.deepcopy(model.encoders["microphone"])
        self.see = copy.deepcopy(model.fusion.heads["camera"])
        self.hear = copy.deepcopy(model.fusion.heads["microphone"])

    def forward(self, camera, microphone):
        said = [self.see(self.eyes(camera)), self.hear(self.ears(microphone))]
        return torch.stack(said).sum(dim=0) / 2

    def attached(self):
        return g2d.attach(
            self,
            {"camera": self.eyes, "microphone": self.ears},
            heads={"camera": self.see, "microphone": self.hear},
        )


def methods(example):
    torch.manual_seed(3)
    task = g2d.Classification(example.CLASSES)
    models = {
        name: g2d.UnimodalModel(name, example.encoder(), example.WIDTH, example.CLASSES)
        for name in NAMES
    }
    bank = g2d.OnlineTeachers(models, task)
    fixed = {"camera": 0.9, "microphone": 0.3}
    return {
        "joint": lambda student: g2d.JointTraining(student, task),
        "g2d": lambda student: g2d.G2D(student, task, bank, (2, 2), confidence=fixed),
        "g2d, ranked by batch": lambda student: g2d.G2D(student, task, bank, (2, 2)),
    }


@pytest.mark.parametrize("name", ["joint", "g2d", "g2d, ranked by batch"])
def test_the_examples_loop_gives_the_engines_weights_bit_for_bit(example, name):
    make = methods(example)[name]
    train, val = example.make_batches(128, seed=1), example.make_batches(64, seed=2)
    torch.manual_seed(0)
    fusion = g2d.LateFusion(dict.fromkeys(NAMES, example.WIDTH), example.CLASSES)
    model = g2d.MultimodalModel({n: example.encoder() for n in NAMES}, fusion)
    own = Late(model)
    example.train_student(make(own.attached()), train)
    settings = TrainingSettings(
        epochs=4, learning_rate=0.01, lr_schedule="constant", accelerator="cpu"
    )

    class Last(g2d.Classification):
        """Prefers the latest epoch, so that the engine leaves its last weights in the model."""

        def better(self, candidate, best):
            return True

    method = make(model)
    method.task = Last(example.CLASSES)
    fit(method, InOrder(train), InOrder(val), settings)
    for part, same in (
        (own.eyes, model.encoders["camera"]),
        (own.hear, fusion.heads["microphone"]),
    ):
        for key, value in part.state_dict().items():
            assert torch.equal(value, same.state_dict()[key]), key


def test_the_example_runs_and_g2d_is_ahead():
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "own_loop.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(re.findall(r"^(.+?)\s+accuracy ([\d.]+)", done.stdout, re.MULTILINE))
    assert float(found["G2D"]) > float(found["joint training"]) + 0.02


def test_the_readme_shows_the_examples_loop():
    """Line for line, as far as the README quotes it."""
    example = (ROOT / "examples" / "own_loop.py").read_text()
    readme = (ROOT / "README.md").read_text()
    loop = example[example.index("    for epoch in range(EPOCHS):\n        net.train") :]
    loop = loop[: loop.index("\n\n")]
    quoted = "\n".join(line[4:] for line in loop.splitlines())
    assert quoted.strip() in readme
