"""Time and peak memory of a training step over one of joint training, in the same run.

    python benchmarks/step.py --threads 2

ResNet-18 at CREMA-D shapes (audio 1 x 257 x 188, one frame 3 x 224 x 224), batch 16. The variants
take turns, step by step, so that a drift of the machine's speed reaches all of them alike; the
ratio is the median over rounds of variant / joint within the same round. Every step gets a batch
object of its own, so online teachers run in each. Peak memory is that of a process of its own for
each variant, less what the process held before its first step. Whole runs are real calls of `fit`,
loader and validation included, on random data. Writes `benchmarks/results/step-<device>.json`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

import g2d
from g2d.data.arrays import ArraySplit
from g2d.data.loader import make_loader
from g2d.engine.compiled import Compiled
from g2d.engine.epoch import train_epoch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.loop import fit
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings
from g2d.models.encoders import ResNet18
from g2d.runs.environment import environment
from g2d.teachers.cache import cache_key, write_cache

HERE = Path(__file__).parent
CLASSES, BATCH, WIDTH = 6, 16, 512
COMPILED = "engine, joint, compiled"
SHAPES: dict[str, tuple[int, ...]] = {"audio": (1, 257, 188), "video": (3, 1, 224, 224)}
EQUAL: dict[str, tuple[int, ...]] = {"first": (1, 257, 188), "second": (1, 257, 188)}


def make_batch(
    shapes: dict[str, tuple[int, ...]], device: torch.device, size: int = BATCH
) -> g2d.Batch:
    """One batch of noise; the time of a step does not depend on what is in it."""
    random = torch.Generator().manual_seed(0)
    inputs = {n: torch.randn(size, *s, generator=random) for n, s in shapes.items()}
    target = torch.randint(CLASSES, (size,), generator=random)
    return g2d.Batch(inputs, target, torch.arange(size)).to(device)


def make_model(shapes: dict[str, tuple[int, ...]]) -> g2d.MultimodalModel:
    """ResNet-18 encoders and late fusion."""
    torch.manual_seed(0)
    encoders = {name: ResNet18(channels=shape[0]) for name, shape in shapes.items()}
    return g2d.MultimodalModel(encoders, g2d.LateFusion(dict.fromkeys(shapes, WIDTH), CLASSES))


def make_online(shapes: dict[str, tuple[int, ...]], device: torch.device) -> g2d.OnlineTeachers:
    """Teachers of the same size as the student's encoders."""
    models = {
        name: g2d.UnimodalModel(name, ResNet18(channels=shape[0]), WIDTH, CLASSES).to(device)
        for name, shape in shapes.items()
    }
    return g2d.OnlineTeachers(models, g2d.Classification(CLASSES))


class Tiny(nn.Module):
    """An encoder of no size, with features of the full width."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.linear = nn.Linear(1, width)

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The mean of the input, mapped to the width."""
        feature: torch.Tensor = self.linear(inputs.flatten(1).mean(dim=1, keepdim=True))
        return feature


def make_cached(
    widths: Mapping[str, int], classes: int, batches: list[g2d.Batch], folder: Path
) -> g2d.CachedTeachers:
    """Teachers that answer from disk; who they were is no matter then, so they are tiny."""
    models = {n: g2d.UnimodalModel(n, Tiny(width), width, classes) for n, width in widths.items()}
    online = g2d.OnlineTeachers(
        {n: model.to(batches[0].target.device) for n, model in models.items()},
        g2d.Classification(classes),
    )
    key = cache_key(online.models, "step")
    write_cache(folder, online, key, lambda start: batches, sum(map(len, batches)))
    return g2d.CachedTeachers(folder, key, online.task)


Step = Callable[[], None]


def bare(model: g2d.MultimodalModel, batch: g2d.Batch) -> Step:
    """What one would write without g2d: PyTorch alone, joint training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    encoders, heads = model.encoders, model.fusion.get_submodule("heads")
    assert isinstance(heads, nn.ModuleDict)

    def step() -> None:
        model.train()
        logits = [heads[n](encoders[n](x)) for n, x in batch.inputs.items()]
        loss = nn.functional.cross_entropy(torch.stack(logits).mean(0), batch.target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


def engine(method: g2d.Method, batch: g2d.Batch, epoch: int, compiles: bool = False) -> Step:
    """The engine's own epoch, of one batch."""
    settings = TrainingSettings(learning_rate=1e-3, accelerator=_accelerator(batch))
    fabric = settings.make_fabric()
    model = method.student.net
    optimizer = settings.make_optimizer(method.parameter_groups())
    method.on_fit_start(FabricLoop(fabric, *fabric.setup(model, optimizer)))
    bar = Silent()
    fast = Compiled(model) if compiles else None

    def step() -> None:
        model.train()
        method.on_epoch_start(epoch)
        with fast.steps() if fast else nullcontext():
            train_epoch(method, [replace(batch)], 1, bar)

    return step


def _accelerator(batch: g2d.Batch) -> Any:
    return "gpu" if batch.target.is_cuda else "cpu"


def variants(device: torch.device, folder: Path, size: int) -> dict[str, Callable[[], Step]]:
    """Everything that is measured, by name; made only when called."""
    task = g2d.Classification(CLASSES)

    def prioritised(shapes: dict[str, tuple[int, ...]], leader: str) -> Step:
        batch = make_batch(shapes, device, size)
        cached = make_cached(dict.fromkeys(shapes, WIDTH), CLASSES, [batch], folder / leader)
        confidence = {name: 0.1 if name == leader else 0.9 for name in shapes}
        model = make_model(shapes).to(device)
        return engine(g2d.G2D(model, task, cached, (1, 1), confidence=confidence), batch, epoch=0)

    def joint(shapes: dict[str, tuple[int, ...]], compiles: bool = False) -> Step:
        method = g2d.JointTraining(make_model(shapes).to(device), task)
        return engine(method, make_batch(shapes, device, size), epoch=0, compiles=compiles)

    def joint_stage(shapes: dict[str, tuple[int, ...]], cached: bool) -> Step:
        batch = make_batch(shapes, device, size)
        bank: g2d.TeacherBank
        if cached:
            widths = dict.fromkeys(shapes, WIDTH)
            bank = make_cached(widths, CLASSES, [batch], folder / "-".join(shapes))
        else:
            bank = make_online(shapes, device)
        model = make_model(shapes).to(device)
        method = g2d.G2D(model, task, bank, (0, 1), confidence=dict.fromkeys(shapes, 0.5))
        return engine(method, batch, epoch=0)

    return {
        "bare PyTorch loop, joint": lambda: bare(
            make_model(SHAPES).to(device), make_batch(SHAPES, device, size)
        ),
        "engine, joint": lambda: joint(SHAPES),
        COMPILED: lambda: joint(SHAPES, compiles=True),
        "G²D joint stage, cached teachers": lambda: joint_stage(SHAPES, cached=True),
        "G²D joint stage, online teachers": lambda: joint_stage(SHAPES, cached=False),
        "G²D, audio alone": lambda: prioritised(SHAPES, "audio"),
        "G²D, video alone": lambda: prioritised(SHAPES, "video"),
        "equal encoders: engine, joint": lambda: joint(EQUAL),
        "equal encoders: G²D joint stage, cached teachers": lambda: joint_stage(EQUAL, cached=True),
        "equal encoders: G²D, one alone": lambda: prioritised(EQUAL, "first"),
    }


def reference(name: str) -> str:
    """The variant that a variant is compared with: joint training at the same shapes."""
    equal = "equal encoders: "
    return f"{equal}engine, joint" if name.startswith(equal) else "engine, joint"


def whole_runs(device: torch.device, folder: Path, size: int) -> dict[str, Callable[[], float]]:
    """Seconds of a real run of 2 epochs: joint training, and G²D with one epoch a stage."""
    task, samples = g2d.Classification(CLASSES), 3 * size
    rng = torch.Generator().manual_seed(0)
    arrays = {n: torch.randn(samples, *s, generator=rng).numpy() for n, s in EQUAL.items()}
    target = torch.randint(CLASSES, (samples,), generator=rng).numpy()
    train = ArraySplit(arrays, target)
    val = ArraySplit({name: rows[:size] for name, rows in arrays.items()}, target[:size])
    batches = [batch.to(device) for batch in make_loader(train, size, shuffle=False)]
    cached = make_cached(dict.fromkeys(EQUAL, WIDTH), CLASSES, batches, folder / "run")

    def timed_run(make: Callable[[g2d.MultimodalModel], g2d.Method]) -> float:
        settings = TrainingSettings(epochs=2, batch_size=size, learning_rate=1e-3)
        loaders = (make_loader(train, size, shuffle=True), make_loader(val, size, shuffle=False))
        model = make_model(EQUAL)
        fabric = replace(settings, accelerator="gpu" if device.type == "cuda" else "cpu")
        started = time.perf_counter()
        fit(make(model), *loaders, settings, fabric=fabric.make_fabric())
        return time.perf_counter() - started

    confidence = dict(zip(EQUAL, (0.1, 0.9), strict=True))
    return {
        "joint": lambda: timed_run(lambda model: g2d.JointTraining(model, task)),
        "G²D": lambda: timed_run(
            lambda model: g2d.G2D(model, task, cached, (1, 1), confidence=confidence)
        ),
    }


def timed(step: Step, device: torch.device) -> float:
    """Seconds of one step, the device's queue included."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    started = time.perf_counter()
    step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def turns(steps: dict[str, Step], rounds: int, device: torch.device) -> Iterator[dict[str, float]]:
    """Rounds in which every variant makes one step, each round beginning with another."""
    names = list(steps)
    for i in range(rounds):
        order = names[i % len(names) :] + names[: i % len(names)]
        yield {name: timed(steps[name], device) for name in order}


def peak_memory(name: str, device: torch.device, size: int) -> float:
    """MiB that three steps of one variant add to what its process holds before them."""
    with tempfile.TemporaryDirectory() as folder:
        return peak_of(variants(device, Path(folder), size)[name](), device)


def peak_of(step: Step, device: torch.device) -> float:
    """MiB that this process holds at most in three steps, beyond what libraries take."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    else:
        # Resets the high-water mark VmHWM of this process (Linux).
        Path("/proc/self/clear_refs").write_text("5")
    for _ in range(3):
        step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1]) / 2**10 - IMPORTED


def resident() -> float:
    """MiB that this process holds now."""
    status = Path("/proc/self/status").read_text()
    line = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 2**10


# What the interpreter and the libraries take is no part of a step.
IMPORTED = resident() if Path("/proc/self/status").exists() else 0.0


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=BATCH, help="samples of a step")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="whole runs of each kind")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--compiled", action="store_true", help="also a step of compiled code")
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device, size = torch.device(arguments.device), arguments.batch
    if arguments.peak_of:
        print(peak_memory(arguments.peak_of, device, size))
        return
    chosen = [n for n in variants(device, Path(), size) if arguments.compiled or n != COMPILED]
    peaks = {}
    for name in chosen:  # before this process grows: a child starts as large
        command = [sys.executable, __file__, "--peak-of", name, "--device", arguments.device]
        command += ["--threads", str(arguments.threads), "--batch", str(size)]
        peaks[name] = float(
            subprocess.run(command, check=True, capture_output=True, text=True).stdout
        )
    with tempfile.TemporaryDirectory() as folder:
        made = variants(device, Path(folder), size)
        steps = {name: made[name]() for name in chosen}
        for _ in turns(steps, arguments.warmup, device):
            pass
        measured = list(turns(steps, arguments.rounds, device))
        names = list(steps)
        steps.clear()
        runs = whole_runs(device, Path(folder), size)
        for run in runs.values():
            run()
        whole = [{name: run() for name, run in runs.items()} for _ in range(arguments.runs)]
    result: dict[str, Any] = {
        "command": f"python benchmarks/step.py --rounds {arguments.rounds} "
        f"--threads {arguments.threads} --batch {size}" + " --compiled" * arguments.compiled,
        "what": f"ResNet-18, audio 1x257x188 and one frame 3x224x224, batch {size}, SGD, float32; "
        "equal encoders: 1x257x188 twice",
        "environment": environment(),
        "variants": {},
    }
    for name in names:
        base = reference(name)
        ratios = sorted(turn[name] / turn[base] for turn in measured)
        result["variants"][name] = {
            "median_ms": 1000 * statistics.median(turn[name] for turn in measured),
            "over": base,
            "ratio": statistics.median(ratios),
            "ratio_quartiles": [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]],
            "peak_MiB": round(peaks[name], 1),
        }
    bare_ratios = [turn["engine, joint"] / turn["bare PyTorch loop, joint"] for turn in measured]
    result["engine_over_bare"] = statistics.median(bare_ratios)
    result["whole_run"] = {
        "what": "fit, 2 epochs of 3 steps and validation, equal encoders, cached teachers; G²D "
        "with one epoch a stage over joint training; training the teachers is not in it",
        "ratio": statistics.median(turn["G²D"] / turn["joint"] for turn in whole),
        "seconds": whole,
    }
    found = result["variants"]
    print(f"{'':52}{'ms':>8}{'ratio':>8}{'peak MiB':>10}")
    for name, row in found.items():
        print(f"{name:52}{row['median_ms']:8.0f}{row['ratio']:8.3f}{row['peak_MiB']:10.0f}")
    print(f"engine over bare loop: {result['engine_over_bare']:.3f}")
    print(f"whole run, equal stages, over joint training: {result['whole_run']['ratio']:.3f}")
    path = arguments.result or HERE / "results" / f"step-{device.type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
