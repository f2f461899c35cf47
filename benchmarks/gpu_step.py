"""A training step of ResNet-18 at CREMA-D's shapes, in several precisions and sizes of batch."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from step import CLASSES, SHAPES, WIDTH, make_cached, make_model, make_online, timed
from torch import nn

import g2d
from g2d.engine.epoch import train_epoch
from g2d.engine.fabric_loop import FabricLoop
from g2d.engine.progress import Silent
from g2d.engine.settings import TrainingSettings

Step = Callable[[], None]
Precision = Literal["fp32", "tf32", "bf16"]
TASK = g2d.Classification(CLASSES)
SMALL: dict[str, tuple[int, ...]] = {"audio": (1, 33, 33), "video": (3, 1, 33, 33)}
VARIANTS = (
    *("bare", "joint", "G²D, all, cached", "G²D, all, online", "G²D, audio alone, cached"),
    "G²D, audio alone, released gate",
)


@dataclass(frozen=True)
class Setting:
    """How a step is computed."""

    batch: int
    precision: Precision
    channels_last: bool = False
    compiled: bool = False

    def as_dict(self) -> dict[str, Any]:
        """Plain values."""
        return {"batch": self.batch, "precision": self.precision} | {
            "channels_last": self.channels_last,
            "compiled": self.compiled,
        }


def steps(device: torch.device, left: Callable[[], float], *, tiny: bool) -> dict[str, Any]:
    """All variants in all settings, as far as the time goes.

    Args:
        device: Where.
        left: Seconds that are left.
        tiny: Small pictures, one small batch, one measurement.
    """
    shapes, sizes = (SMALL, (4,)) if tiny else (SHAPES, (16, 64, 256))
    precisions: tuple[Precision, ...] = ("tf32",) if tiny else ("tf32", "bf16")
    whole: list[tuple[str, Setting]] = [
        (variant, Setting(size, precision))
        for precision in precisions
        for size in sizes
        for variant in VARIANTS
    ]
    for size in () if tiny else sizes:
        whole += [(v, Setting(size, "fp32")) for v in VARIANTS[:2]]
        whole += [(v, Setting(size, "bf16", channels_last=True)) for v in VARIANTS[:3]]
    # Last: it takes most of a minute to compile.
    whole += [("joint", Setting(4, "bf16", True) if tiny else Setting(64, "bf16", compiled=True))]
    rows, missed = [], []
    for variant, setting in whole:
        if left() < (40 if setting.compiled else 0):
            missed.append({"variant": variant, **setting.as_dict()})
            continue
        rows.append(_row(variant, setting, shapes, device, rounds=1 if tiny else 30))
    return {
        "what": "ResNet-18, audio 1x257x188 and one frame 3x224x224, late fusion, SGD",
        "rows": rows,
        "not_reached": missed,
    }


def _row(
    variant: str,
    setting: Setting,
    shapes: dict[str, tuple[int, ...]],
    device: torch.device,
    rounds: int,
) -> dict[str, Any]:
    row = {"variant": variant, **setting.as_dict()}
    try:
        with tempfile.TemporaryDirectory() as folder, _tf32(setting.precision != "fp32"):
            if device.type == "cuda":
                torch.cuda.empty_cache()
                torch.cuda.reset_peak_memory_stats()
            step = _made(variant, setting, shapes, device, Path(folder))
            for _ in range(3 if rounds > 1 else 1):
                step()
            seconds = statistics.median(timed(step, device) for _ in range(rounds))
    except Exception as error:  # out of memory, say; the others are measured
        return {**row, "failed": f"{type(error).__name__}: {error}"}
    peak = torch.cuda.max_memory_allocated() / 2**20 if device.type == "cuda" else None
    return {**row, "ms": 1000 * seconds, "samples_per_s": setting.batch / seconds} | {
        "peak_MiB": peak
    }


@contextmanager
def _tf32(allowed: bool) -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = allowed
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32, torch.backends.cuda.matmul.allow_tf32 = before


def _made(
    variant: str,
    setting: Setting,
    shapes: dict[str, tuple[int, ...]],
    device: torch.device,
    folder: Path,
) -> Step:
    random = torch.Generator().manual_seed(0)
    batch = g2d.Batch(
        {n: torch.randn(setting.batch, *s, generator=random) for n, s in shapes.items()},
        torch.randint(CLASSES, (setting.batch,), generator=random),
        torch.arange(setting.batch),
    ).to(device)
    model = make_model(shapes).to(device)
    if setting.channels_last:
        model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if setting.compiled:
        for encoder in model.encoders.values():
            encoder.compile()
    if variant == "bare":
        return _bare(model, batch, setting)
    return _engine(_method(variant, model, shapes, batch, device, folder), batch, setting)


def _method(
    variant: str,
    model: g2d.MultimodalModel,
    shapes: dict[str, tuple[int, ...]],
    batch: g2d.Batch,
    device: torch.device,
    folder: Path,
) -> g2d.Method:
    if variant == "joint":
        return g2d.JointTraining(model, TASK)
    bank: g2d.TeacherBank
    if variant.endswith("online"):
        bank = make_online(shapes, device)
    else:
        bank = make_cached(dict.fromkeys(shapes, WIDTH), CLASSES, [batch], folder / "cache")
    alone = "alone" in variant
    return g2d.G2D(
        model,
        TASK,
        bank,
        (1, 1) if alone else (0, 1),
        confidence={"audio": 0.1, "video": 0.9},
        suppression="released" if "released" in variant else "complete",
        gamma=0.0,
        distill_to="fused",  # Eq. 4
    )


def _bare(model: g2d.MultimodalModel, batch: g2d.Batch, setting: Setting) -> Step:
    """What one would write without g2d: PyTorch alone, joint training."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
    heads = model.fusion.get_submodule("heads")
    assert isinstance(heads, nn.ModuleDict)
    half = setting.precision == "bf16"

    def step() -> None:
        model.train()
        with torch.autocast(batch.target.device.type, torch.bfloat16, enabled=half):
            logits = [heads[n](model.encoders[n](x)) for n, x in batch.inputs.items()]
        loss = nn.functional.cross_entropy(torch.stack(logits).mean(0).float(), batch.target)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()

    return step


def _engine(method: g2d.Method, batch: g2d.Batch, setting: Setting) -> Step:
    """The engine's own epoch, of one batch."""
    settings = TrainingSettings(
        learning_rate=1e-3,
        precision="bf16" if setting.precision == "bf16" else "32",
        accelerator="gpu" if batch.target.is_cuda else "cpu",
    )
    fabric = settings.make_fabric()
    model = method.student.net
    optimizer = settings.make_optimizer(method.parameter_groups())
    wrapped, stepper = fabric.setup(model, optimizer)
    method.on_fit_start(FabricLoop(fabric, wrapped, stepper, epochs=2))
    bar = Silent()

    def step() -> None:
        model.train()
        method.on_epoch_start(0)
        train_epoch(method, [replace(batch)], 1, bar)

    return step
