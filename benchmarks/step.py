"""Time and peak memory of a training step over one of joint training, in the same run.

    python benchmarks/step.py --threads 2

ResNet-18 at CREMA-D shapes (audio 1 x 257 x 188, one frame 3 x 224 x 224), batch 16. The variants
take turns, step by step, so that a drift of the machine's speed reaches all of them alike; the
ratio is the median over rounds of variant / joint within the same round. Peak memory is measured
in a process of its own for each variant. Writes `benchmarks/results/step-<device>.json`.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn

import g2d
from g2d.engine.loop import _train_epoch
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings
from g2d.experiment.environment import environment
from g2d.models.encoders import ResNet18
from g2d.teachers.cache import cache_key, write_cache

HERE = Path(__file__).parent
CLASSES, BATCH, WIDTH = 6, 16, 512
SHAPES: dict[str, tuple[int, ...]] = {"audio": (1, 257, 188), "video": (3, 1, 224, 224)}
EQUAL: dict[str, tuple[int, ...]] = {"first": (1, 257, 188), "second": (1, 257, 188)}


def make_batch(shapes: dict[str, tuple[int, ...]], device: torch.device) -> g2d.Batch:
    """One batch of noise; the time of a step does not depend on what is in it."""
    random = torch.Generator().manual_seed(0)
    inputs = {n: torch.randn(BATCH, *s, generator=random) for n, s in shapes.items()}
    target = torch.randint(CLASSES, (BATCH,), generator=random)
    return g2d.Batch(inputs, target, torch.arange(BATCH)).to(device)


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


def make_cached(online: g2d.OnlineTeachers, batch: g2d.Batch, folder: Path) -> g2d.CachedTeachers:
    """The same teachers, answering from disk."""
    key = cache_key(online.models, "step")
    write_cache(folder, online, key, lambda start: [batch], BATCH)
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


def engine(model: g2d.MultimodalModel, batch: g2d.Batch, method: g2d.Method, epoch: int) -> Step:
    """The engine's own epoch, of one batch."""
    settings = TrainingSettings(learning_rate=1e-3, accelerator=_accelerator(batch))
    fabric = settings.make_fabric()
    student, optimizer = fabric.setup(model, settings.make_optimizer(model.parameters()))
    method.on_epoch_start(epoch)
    bar = Silent()

    def step() -> None:
        _train_epoch(fabric, student, method, optimizer, [batch], settings, bar)

    return step


def _accelerator(batch: g2d.Batch) -> Any:
    return "gpu" if batch.target.is_cuda else "cpu"


def variants(device: torch.device, folder: Path) -> dict[str, Callable[[], Step]]:
    """Everything that is measured, by name; made only when called."""
    task = g2d.Classification(CLASSES)

    def prioritised(shapes: dict[str, tuple[int, ...]], leader: str) -> Step:
        batch = make_batch(shapes, device)
        cached = make_cached(make_online(shapes, device), batch, folder / f"{leader}")
        confidence = {name: 0.1 if name == leader else 0.9 for name in shapes}
        method = g2d.G2D(task, cached, (1, 1), confidence=confidence)
        return engine(make_model(shapes).to(device), batch, method, epoch=0)

    def joint(shapes: dict[str, tuple[int, ...]]) -> Step:
        return engine(
            make_model(shapes).to(device), make_batch(shapes, device), g2d.JointTraining(task), 0
        )

    def joint_stage(cached: bool) -> Step:
        batch = make_batch(SHAPES, device)
        bank: g2d.TeacherBank = make_online(SHAPES, device)
        if cached:
            assert isinstance(bank, g2d.OnlineTeachers)
            bank = make_cached(bank, batch, folder / "joint")
        confidence = dict.fromkeys(SHAPES, 0.5)
        method = g2d.G2D(task, bank, (0, 1), confidence=confidence)
        return engine(make_model(SHAPES).to(device), batch, method, epoch=0)

    return {
        "bare PyTorch loop, joint": lambda: bare(
            make_model(SHAPES).to(device), make_batch(SHAPES, device)
        ),
        "engine, joint": lambda: joint(SHAPES),
        "G²D joint stage, cached teachers": lambda: joint_stage(cached=True),
        "G²D joint stage, online teachers": lambda: joint_stage(cached=False),
        "G²D, audio alone": lambda: prioritised(SHAPES, "audio"),
        "G²D, video alone": lambda: prioritised(SHAPES, "video"),
        "equal encoders: engine, joint": lambda: joint(EQUAL),
        "equal encoders: G²D, one alone": lambda: prioritised(EQUAL, "first"),
    }


REFERENCE = {
    "equal encoders: engine, joint": "equal encoders: engine, joint",
    "equal encoders: G²D, one alone": "equal encoders: engine, joint",
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


def peak_memory(name: str, device: torch.device) -> float:
    """MiB at the peak of three steps of one variant, run by itself in this process."""
    with tempfile.TemporaryDirectory() as folder:
        step = variants(device, Path(folder))[name]()
        for _ in range(3):
            step()
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated() / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def main() -> None:
    """Measures, prints, writes."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--warmup", type=int, default=3)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    parser.add_argument("--peak-of", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    device = torch.device(arguments.device)
    if arguments.peak_of:
        print(peak_memory(arguments.peak_of, device))
        return
    with tempfile.TemporaryDirectory() as folder:
        steps = {name: make() for name, make in variants(device, Path(folder)).items()}
        for _ in turns(steps, arguments.warmup, device):
            pass
        measured = list(turns(steps, arguments.rounds, device))
    result: dict[str, Any] = {
        "command": f"python benchmarks/step.py --rounds {arguments.rounds} "
        f"--threads {arguments.threads}",
        "what": "ResNet-18, audio 1x257x188 and one frame 3x224x224, batch 16, SGD, float32",
        "environment": environment(),
        "variants": {},
    }
    for name in steps:
        base = REFERENCE.get(name, "engine, joint")
        ratios = sorted(turn[name] / turn[base] for turn in measured)
        over_bare = statistics.median(t[name] / t["bare PyTorch loop, joint"] for t in measured)
        command = [sys.executable, __file__, "--peak-of", name, "--device", arguments.device]
        command += ["--threads", str(arguments.threads)]
        peak = float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
        result["variants"][name] = {
            "median_ms": 1000 * statistics.median(turn[name] for turn in measured),
            "over": base,
            "ratio": statistics.median(ratios),
            "ratio_quartiles": [ratios[len(ratios) // 4], ratios[-1 - len(ratios) // 4]],
            "over_bare": over_bare,
            "peak_MiB": round(peak, 1),
        }
    found = result["variants"]
    alone = found["equal encoders: G²D, one alone"]["ratio"]
    result["whole_run_equal_stages"] = {
        "ratio": (alone + found["G²D joint stage, cached teachers"]["ratio"]) / 2,
        "how": "mean of a prioritised and a joint step, equal encoders, cached teachers",
    }
    print(f"{'':36}{'ms':>8}{'ratio':>8}{'peak MiB':>10}")
    for name, row in found.items():
        print(f"{name:36}{row['median_ms']:8.0f}{row['ratio']:8.3f}{row['peak_MiB']:10.0f}")
    print(f"whole run, equal stages: {result['whole_run_equal_stages']['ratio']:.3f} x joint")
    path = arguments.result or HERE / "results" / f"step-{device.type}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
    print(f"written to {path}")


if __name__ == "__main__":
    main()
