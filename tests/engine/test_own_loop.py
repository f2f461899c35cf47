"""The loop of the README and the example is the engine's: the same weights come out."""

from __future__ import annotations

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


@pytest.fixture(scope="module")
def example():
    spec = importlib.util.spec_from_file_location("own_loop", ROOT / "examples" / "own_loop.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.EPOCHS = 4
    return module


class InOrder(torch.utils.data.DataLoader):
    """The example's batches, in its order."""

    def __init__(self, batches):
        super().__init__(batches, batch_size=None)


def methods(example):
    torch.manual_seed(3)
    task = g2d.Classification(example.CLASSES)
    models = {
        name: g2d.UnimodalModel(name, example.encoder(), example.WIDTH, example.CLASSES)
        for name in example.NOISE
    }
    bank = g2d.OnlineTeachers(models, task)
    return {
        "joint": lambda: g2d.JointTraining(task),
        "g2d": lambda: g2d.G2D(task, bank, (2, 2), confidence={"camera": 0.9, "microphone": 0.3}),
        "g2d, ranked by batch": lambda: g2d.G2D(task, bank, (2, 2)),
    }


@pytest.mark.parametrize("name", ["joint", "g2d", "g2d, ranked by batch"])
def test_the_examples_loop_gives_the_engines_weights_bit_for_bit(example, name):
    make = methods(example)[name]
    train, val = example.make_batches(128, seed=1), example.make_batches(64, seed=2)
    torch.manual_seed(0)
    own = example.train_student(make(), train)

    torch.manual_seed(0)
    fusion = g2d.LateFusion(dict.fromkeys(example.NOISE, example.WIDTH), example.CLASSES)
    model = g2d.MultimodalModel({n: example.encoder() for n in example.NOISE}, fusion)
    settings = TrainingSettings(
        epochs=4, learning_rate=0.01, lr_schedule="constant", accelerator="cpu"
    )

    class Last(type(make().task)):
        """Prefers the latest epoch, so that the engine leaves its last weights in the model."""

        def better(self, candidate, best):
            return True

    method = make()
    method.task = Last(example.CLASSES)
    fit(model, method, InOrder(train), InOrder(val), settings)
    for key, value in own.state_dict().items():
        assert torch.equal(value, model.state_dict()[key]), key


def test_the_example_runs_and_g2d_is_ahead():
    done = subprocess.run(
        [sys.executable, ROOT / "examples" / "own_loop.py"],
        capture_output=True,
        text=True,
        check=True,
    )
    found = dict(re.findall(r"(\w+)\s+accuracy ([\d.]+)", done.stdout))
    assert float(found["G2D"]) > float(found["JointTraining"]) + 0.02


def test_the_readme_shows_the_examples_loop():
    """Line for line, as far as the README quotes it."""
    example = (ROOT / "examples" / "own_loop.py").read_text()
    readme = (ROOT / "README.md").read_text()
    loop = example[example.index("    for epoch in range(EPOCHS):\n        method.on") :]
    loop = loop[: loop.index("    return model")]
    quoted = "\n".join(line[4:] for line in loop.splitlines())
    assert quoted.strip() in readme
