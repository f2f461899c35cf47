"""Time of a training step of every method over one of joint training, in the same run.

    python benchmarks/methods.py --threads 2

Two sets of encoders, ResNet-18 at CREMA-D's shapes (batch 16) and the small CNN at AV-MNIST's
(batch 32), for two and three modalities, late fusion. A method whose epochs differ (a modality
alone, a second phase) is measured once in each kind of epoch. All take turns step by step, and a
ratio is the median over rounds of step / joint step within the round; teachers are cached. What a
method does between epochs is not in it. Peak memory is that of a process of its own, for joint
training and the methods that take steps of their own. Writes
`benchmarks/results/methods-<device>.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import torch
from step import Step, make_cached, peak_of, turns
from tables import methods_table

import g2d
from g2d.engine.epoch import train_epoch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings
from g2d.methods.base import Method
from g2d.recipes.build import build_student
from g2d.recipes.catalog import METHODS
from g2d.recipes.components import locate
from g2d.recipes.planning import plan_method
from g2d.recipes.recipe import Recipe, recipe_from
from g2d.runs.environment import environment

HERE = Path(__file__).parent
EPOCHS = 20
# Epochs of one kind are alike; a method with many kinds is measured in the first few.
KINDS = 3


@dataclass(frozen=True)
class Setup:
    """Encoders, shapes and batch of one set of measurements."""

    encoder: str
    shapes: dict[str, tuple[int, ...]]
    batch: int
    classes: int

    @property
    def what(self) -> str:
        """In words."""
        shapes = ", ".join("x".join(map(str, shape)) for shape in self.shapes.values())
        return f"{self.encoder}, {len(self.shapes)} modalities ({shapes}), batch {self.batch}"

    def make_batch(self, device: torch.device) -> g2d.Batch:
        """Noise."""
        random = torch.Generator().manual_seed(0)
        inputs = {n: torch.randn(self.batch, *s, generator=random) for n, s in self.shapes.items()}
        target = torch.randint(self.classes, (self.batch,), generator=random)
        return g2d.Batch(inputs, target, torch.arange(self.batch)).to(device)

    def recipe(self, method: str) -> Recipe:
        """As a user would write it; no data is opened."""
        encoders = {
            name: {"name": self.encoder, "channels": shape[0]}
            for name, shape in self.shapes.items()
        }
        return recipe_from(
            {
                "data": "none",
                "encoders": encoders,
                "fusion": "late",
                "method": method,
                "training": {"epochs": EPOCHS, "batch_size": self.batch},
                "seed": 0,
            }
        )


SPECTROGRAM, FRAME = (1, 257, 188), (3, 1, 224, 224)
PICTURE, SOUND = (1, 28, 28), (1, 112, 112)
SETUPS = {
    "resnet18-2": Setup("resnet18", {"a": SPECTROGRAM, "b": FRAME}, 16, 6),
    "resnet18-3": Setup("resnet18", {"a": SPECTROGRAM, "b": FRAME, "c": SPECTROGRAM}, 16, 6),
    "small_cnn-2": Setup("small_cnn", {"a": PICTURE, "b": SOUND}, 32, 10),
    "small_cnn-3": Setup("small_cnn", {"a": PICTURE, "b": SOUND, "c": SOUND}, 32, 10),
}


class Trained:
    """One method in the engine's own loop, on one batch again and again."""

    def __init__(self, setup: Setup, name: str, device: torch.device, folder: Path) -> None:
        self.batch = setup.make_batch(device)
        task = g2d.Classification(setup.classes)
        recipe = setup.recipe(name)
        modalities = tuple(setup.shapes)
        plan = plan_method(recipe, modalities)
        torch.manual_seed(0)
        self.model = build_student(recipe, modalities, task).to(device)
        teachers = None
        if plan.needs_teachers:
            widths = self.model.fusion.widths
            teachers = make_cached(widths, setup.classes, [self.batch], folder)
        confidence = {m: 0.1 + 0.2 * place for place, m in enumerate(modalities)}
        self.method: Method = plan.make(self.model, task, teachers, confidence)
        settings = TrainingSettings(
            epochs=EPOCHS,
            learning_rate=1e-3,
            accelerator="gpu" if device.type == "cuda" else "cpu",
        )
        fabric = settings.make_fabric()
        optimizer = settings.make_optimizer(self.method.parameter_groups())
        student, stepper = fabric.setup(self.model, optimizer)
        loop = FabricLoop(fabric, student, stepper, epochs=EPOCHS, iter_train=self.iter_train)
        self.method.on_fit_start(loop)
        self.epoch = -1

    def iter_train(self, fraction: float, seed: int) -> Iterable[g2d.Batch]:
        """The training data is this batch."""
        return [self.batch]

    def go_to(self, epoch: int) -> None:
        """Begins the epochs up to this one."""
        while self.epoch < epoch:
            self.epoch += 1
            self.model.train()
            self.method.on_epoch_start(self.epoch)

    def step(self) -> None:
        """An epoch of one step."""
        train_epoch(self.method, [replace(self.batch)], 1, Silent())


def names_of_methods() -> list[str]:
    """Every method that has a step, and prioritization around joint training."""
    return [name for name, entry in METHODS.items() if entry.cost != "none"] + ["joint+smp"]


def kinds_of_epochs(name: str, k: int, device: torch.device, folder: Path) -> dict[str, int]:
    """The first epoch of each kind, by the method's own word for it."""
    probe = Trained(SETUPS[f"small_cnn-{k}"], name, device, folder)
    first: dict[str, int] = {}
    for epoch in range(EPOCHS):
        probe.go_to(epoch)
        first.setdefault(probe.method.stage(), epoch)
    return dict(list(first.items())[:KINDS])


def make_step(key: str, name: str, epoch: int, device: torch.device, folder: Path) -> Step:
    """A step of a method in some epoch."""
    trained = Trained(SETUPS[key], name, device, folder)
    trained.go_to(epoch)
    return trained.step


def measure(
    key: str, names: list[str], rounds: int, warmup: int, device: torch.device
) -> dict[str, dict[str, Any]]:
    """Every method's step over joint training's, in each kind of epoch."""
    with tempfile.TemporaryDirectory() as place:
        steps: dict[str, Step] = {}
        about: dict[str, tuple[str, int]] = {}
        for name in names:
            kinds = kinds_of_epochs(name, len(SETUPS[key].shapes), device, Path(place) / "probe")
            for stage, epoch in kinds.items():
                label = name if len(kinds) == 1 else f"{name}: {stage}"
                about[label] = (name, epoch)
                steps[label] = make_step(key, name, epoch, device, Path(place) / key)
        for _ in turns(steps, warmup, device):
            pass
        measured = list(turns(steps, rounds, device))
    found = {}
    for label, (name, epoch) in about.items():
        ratios = sorted(turn[label] / turn["joint"] for turn in measured)
        found[label] = {
            "method": name,
            "epoch": epoch,
            "median_ms": 1000 * statistics.median(turn[label] for turn in measured),
            "ratio": statistics.median(ratios),
            "ratio_quartiles": [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]],
        }
    return found


def takes_own_step(name: str) -> bool:
    """Whether a method replaces the usual step."""
    method = cast("type[Method]", locate(METHODS[name].path, {}, "method"))
    return not method.one_loss


def peak_in_child(name: str, arguments: argparse.Namespace) -> float:
    """Peak memory of a step, in a process of its own."""
    command = [sys.executable, __file__, "--peak-of", name, "--device", arguments.device]
    command += ["--threads", str(arguments.threads)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--warmup", type=int, default=1)
    parser.add_argument("--setups", nargs="+", choices=list(SETUPS), default=list(SETUPS))
    parser.add_argument("--methods", nargs="+", help="these only, beside joint training")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    if arguments.peak_of:
        with tempfile.TemporaryDirectory() as folder:
            step = make_step("resnet18-2", arguments.peak_of, 0, device, Path(folder))
            print(peak_of(step, device))
        return
    names = ["joint", *(arguments.methods or names_of_methods()[1:])]
    # before this process grows: a child starts as large
    own_step = [name for name in names if name in METHODS and takes_own_step(name)]
    peaks = {name: round(peak_in_child(name, arguments), 1) for name in ["joint", *own_step]}
    result: dict[str, Any] = {
        "command": f"python benchmarks/methods.py --rounds {arguments.rounds} "
        f"--threads {arguments.threads} --setups {' '.join(arguments.setups)}"
        + (f" --methods {' '.join(arguments.methods)}" if arguments.methods else ""),
        "environment": environment(),
        "peak_MiB": peaks,
        "methods": {},
    }
    for key in arguments.setups:
        rounds = arguments.rounds * (1 if key.startswith("resnet18") else 10)
        result["methods"][key] = {
            "what": SETUPS[key].what,
            "rounds": rounds,
            "steps": measure(key, names, rounds, arguments.warmup, device),
        }
        print(f"{key}: measured", flush=True)
    path = arguments.result or HERE / "results" / f"methods-{device.type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"\n{methods_table(result)}\n\nwritten to {path}")


if __name__ == "__main__":
    main()
