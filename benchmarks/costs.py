"""What the engine adds to small steps, and what the start of a run on a large table takes.

    python benchmarks/costs.py

Small steps: epochs of an MLP on 64 features and of the small CNN, two modalities, batch 32, beside
loops written out in PyTorch with the same parts: joint training, and the G²D loss of cached
teachers. Variants take turns, and a ratio is the median over turns of its CPU time over that of the
bare joint loop. `fit` is a whole run of the MLP on 2,000 rows, loader, validation and checkpoints
included, beside a loop with PyTorch's loader and validation.

Start: a table of 100,000 rows with ten numbers, two categories and a text, opened in a process of
its own, first with an empty cache, then with what that left: CPU time and peak memory, of the table
alone and of a recipe with all that training imports.

Writes `benchmarks/results/costs-cpu.json`, each call under its own `--label`.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from step import make_cached
from torch import nn
from torch.nn import functional as F
from torch.utils.data import DataLoader, Subset, TensorDataset

import g2d
from g2d.data.arrays import ArraySplit
from g2d.data.loader import make_loader
from g2d.engine.epoch import train_epoch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.loop import fit
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings
from g2d.models.encoders import SmallCNN
from g2d.runs.environment import environment

HERE = Path(__file__).parent
CLASSES, BATCH, STEPS, EPOCHS, ROWS = 6, 32, 20, 5, 2000
RATE: dict[str, Any] = {"lr": 1e-3, "momentum": 0.9, "weight_decay": 1e-4}
SIZES = {"mlp": ((64,), (64,), 64), "small_cnn": ((1, 28, 28), (1, 112, 112), 128)}
START = """
import time, torch
from pathlib import Path
from g2d.recipes.experiment import resolve
from g2d.recipes.recipe import recipe_from
from g2d.table.dataset import TableData
torch.set_num_threads(1)
data = {{"table": {table!r}, "target": "label", "cache": {cache!r}}}
def peak():
    lines = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) / 1024
before, started = peak(), time.process_time()
splits = TableData(**data).splits()
table, after = time.process_time() - started, peak()
started = time.process_time()
if {whole}: resolve(recipe_from({{"data": {{"name": "table", **data}}, "method": "g2d",
    "fusion": "late", "training": {{"epochs": 2}}, "seed": 0}}))
print(splits.spec.fingerprint, before, table, after, time.process_time() - started, peak())
"""


def make_model(kind: str) -> g2d.MultimodalModel:
    """Two encoders and late fusion."""
    torch.manual_seed(0)
    width = SIZES[kind][2]
    encoders: dict[str, nn.Module] = {}
    for name in ("a", "b"):
        layers = [nn.Linear(64, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()]
        encoders[name] = nn.Sequential(*layers) if kind == "mlp" else SmallCNN(1, width)
    return g2d.MultimodalModel(encoders, g2d.LateFusion({"a": width, "b": width}, CLASSES))


def make_batch(kind: str) -> g2d.Batch:
    """Noise."""
    draw = torch.Generator().manual_seed(0)
    shapes = zip("ab", SIZES[kind][:2], strict=True)
    inputs = {n: torch.randn(BATCH, *s, generator=draw) for n, s in shapes}
    target = torch.randint(CLASSES, (BATCH,), generator=draw)
    return g2d.Batch(inputs, target, torch.arange(BATCH))


def bare(kind: str, batch: g2d.Batch, teachers: g2d.CachedTeachers | None) -> Callable[[], None]:
    """An epoch as one would write it without g2d; with teachers that of the G²D loss."""
    model = make_model(kind)
    heads: Any = model.fusion.get_submodule("heads")
    optimizer = torch.optim.SGD(model.parameters(), **RATE)
    said = None if teachers is None else teachers.outputs(batch)

    def epoch() -> None:
        model.train()
        for _ in range(STEPS):
            features = {n: model.encoders[n](x) for n, x in batch.inputs.items()}
            logits = {n: heads[n](feature) for n, feature in features.items()}
            loss = F.cross_entropy(torch.stack(list(logits.values())).mean(0), batch.target)
            for name in logits if said is not None else ():
                taught, z = said[name], logits[name]  # type: ignore[index]
                loss = loss + F.mse_loss(features[name], taught.features[batch.index])
                theirs = F.log_softmax(taught.logits[batch.index], dim=1)
                ours = F.log_softmax(z, dim=1)
                loss = loss + F.kl_div(ours, theirs, reduction="batchmean", log_target=True)
                loss = loss + F.cross_entropy(z, batch.target)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            loss.item()

    return epoch


def engine(method: g2d.Method, batch: g2d.Batch) -> Callable[[], None]:
    """The engine's own epoch."""
    settings = TrainingSettings(learning_rate=RATE["lr"], accelerator="cpu")
    fabric = settings.make_fabric()
    optimizer = settings.make_optimizer(method.parameter_groups())
    method.on_fit_start(FabricLoop(fabric, *fabric.setup(method.student.net, optimizer)))

    def epoch() -> None:
        method.student.net.train()
        method.on_epoch_start(0)
        train_epoch(method, [replace(batch) for _ in range(STEPS)], 1, Silent())

    return epoch


def small_steps(kind: str, turns: int, folder: Path) -> dict[str, dict[str, float]]:
    """Microseconds of a step, and its ratio to the bare one."""
    batch, task = make_batch(kind), g2d.Classification(CLASSES)
    width = SIZES[kind][2]
    cached = make_cached({"a": width, "b": width}, CLASSES, [batch], folder)
    even = {"a": 0.5, "b": 0.5}
    g2d_method = g2d.G2D(make_model(kind), task, cached, (0, 1), confidence=even)
    return in_turns(
        {
            "bare, joint": bare(kind, batch, None),
            "engine, joint": engine(g2d.JointTraining(make_model(kind), task), batch),
            "bare, G²D": bare(kind, batch, cached),
            "engine, G²D": engine(g2d_method, batch),
        },
        turns,
        1e6 / STEPS,
    )


def in_turns(
    variants: dict[str, Callable[[], object]], turns: int, unit: float
) -> dict[str, dict[str, float]]:
    """CPU time of each, and the median of its ratios to the first within the same turn."""
    names = list(variants)
    taken: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(turns + 1):  # the first warms up
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            started = time.process_time()
            variants[name]()
            taken[name].append((time.process_time() - started) * unit)
    first = taken[names[0]][1:]
    return {
        name: {
            "median": round(statistics.median(each[1:]), 3),
            "ratio": round(
                statistics.median(a / b for a, b in zip(each[1:], first, strict=True)), 3
            ),
        }
        for name, each in taken.items()
    }


def whole_fit(turns: int) -> dict[str, dict[str, float]]:
    """Seconds of a run of the MLP, by the engine and by hand."""
    draw = np.random.default_rng(0)
    arrays = {n: draw.standard_normal((ROWS, 64), dtype=np.float32) for n in ("a", "b")}
    target = draw.integers(CLASSES, size=ROWS)
    train = ArraySplit(arrays, target)
    val = ArraySplit({n: rows[: ROWS // 5] for n, rows in arrays.items()}, target[: ROWS // 5])

    def ours() -> None:
        settings = TrainingSettings(epochs=EPOCHS, learning_rate=RATE["lr"], accelerator="cpu")
        method = g2d.JointTraining(make_model("mlp"), g2d.Classification(CLASSES))
        loaders = (make_loader(train, BATCH, shuffle=True), make_loader(val, 256, shuffle=False))
        with tempfile.TemporaryDirectory() as folder:
            fit(method, *loaders, settings, folder=Path(folder))

    def by_hand() -> None:
        model = make_model("mlp")
        heads: Any = model.fusion.get_submodule("heads")
        optimizer = torch.optim.SGD(model.parameters(), **RATE)
        rows = TensorDataset(*map(torch.from_numpy, arrays.values()), torch.from_numpy(target))
        held_out = DataLoader(Subset(rows, range(ROWS // 5)), 256)

        def answer(first: torch.Tensor, second: torch.Tensor) -> torch.Tensor:
            inputs = {"a": first, "b": second}
            return torch.stack([heads[n](model.encoders[n](x)) for n, x in inputs.items()]).mean(0)

        for _ in range(EPOCHS):
            model.train()
            for first, second, labels in DataLoader(rows, BATCH, shuffle=True):
                F.cross_entropy(answer(first, second), labels).backward()
                optimizer.step()
                optimizer.zero_grad()
            model.eval()
            with torch.no_grad():
                for first, second, labels in held_out:
                    (answer(first, second).argmax(1) == labels).sum().item()

    return in_turns({"by hand": by_hand, "engine": ours}, turns, 1.0)


def write_table(path: Path, rows: int) -> None:
    """Ten numbers, two categories, eight words."""
    draw = random.Random(0)
    words = ["good", "bad", "fine", "awful", "great", "poor", "nice", "ugly", "fast", "slow"]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*(f"num{i}" for i in range(10)), "color", "city", "review", "label"])
        for _ in range(rows):
            label = draw.randrange(3)
            numbers = [f"{draw.gauss(label, 1):.4f}" for _ in range(10)]
            names = [draw.choice("rgb"), f"city{draw.randrange(50)}"]
            review = " ".join(draw.choices(words, k=8))
            writer.writerow([*numbers, *names, review, "abc"[label]])


def start_of_a_run(rows: int, times: int) -> dict[str, Any]:
    """CPU seconds and MiB, with an empty cache and with a warm one."""
    found: dict[str, Any] = {"rows": rows}
    prints = set()
    with tempfile.TemporaryDirectory() as place:
        table, cache = Path(place) / "table.csv", Path(place) / "cache"
        write_table(table, rows)

        def opened(whole: bool) -> list[float]:
            code = START.format(table=str(table), cache=str(cache), whole=whole)
            done = subprocess.run(
                [sys.executable, "-c", code], capture_output=True, text=True, check=True
            )
            fingerprint, *numbers = done.stdout.split()
            prints.add(fingerprint)
            return [float(number) for number in numbers]

        cold = opened(False)
        warm = [opened(False) for _ in range(times)]
        whole = [opened(True) for _ in range(times)]
    assert len(prints) == 1, "the cache changed what was read"
    middle = [statistics.median(column) for column in zip(*warm, strict=True)]
    recipe = [statistics.median(column) for column in zip(*whole, strict=True)]
    found["imported"] = {"peak_MiB": round(middle[0])}
    found["cold"] = {"cpu_s": round(cold[1], 2), "peak_MiB": round(cold[2])}
    found["warm"] = {"cpu_s": round(middle[1], 2), "peak_MiB": round(middle[2])}
    found["recipe, warm"] = {"cpu_s": round(recipe[3], 2), "peak_MiB": round(recipe[4])}
    return found


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=60)
    parser.add_argument("--rows", type=int, default=100_000, help="of the table")
    parser.add_argument("--label", default="now")
    parser.add_argument("--result", type=Path, default=HERE / "results" / "costs-cpu.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    found: dict[str, Any] = {"environment": environment(), "small steps": {}}
    for kind in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            turns = arguments.turns if kind == "mlp" else max(1, arguments.turns // 6)
            found["small steps"][kind] = small_steps(kind, turns, Path(folder))
    found["fit"] = whole_fit(max(1, arguments.turns // 6))
    found["start"] = start_of_a_run(arguments.rows, 1 if arguments.turns < 6 else 3)
    for kind, rows in {**found["small steps"], "fit": found["fit"]}.items():
        for name, row in rows.items():
            print(f"{kind:10} {name:16} {row['median']:10.1f} {row['ratio']:7.3f}")
    for name, value in found["start"].items():
        print(f"start      {name:16} {value}")
    path = arguments.result
    path.parent.mkdir(parents=True, exist_ok=True)
    result = json.loads(path.read_text()) if path.exists() else {}
    result["command"] = "python benchmarks/costs.py --label LABEL"
    result.setdefault("measured", {})[arguments.label] = found
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
