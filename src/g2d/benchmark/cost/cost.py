"""Measures what a training step costs, for the model and the data of a recipe (Table 10)."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from g2d.analysis.subject import Subject
from g2d.benchmark.cost.finding import Cost, StepCost, batch_bytes, cache_bytes
from g2d.benchmark.cost.peak_memory import peak_memory
from g2d.benchmark.cost.step_variants import CACHED, JOINT, ONLINE, VARIANTS, Workload, synchronise
from g2d.data.loader import limit, make_loader
from g2d.data.splits import Splits
from g2d.errors import UserError
from g2d.recipes.build import build_student, without_pretrained
from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import OLD_LOGGERS
from g2d.runs.environment import machine
from g2d.runs.loaders import train_loader
from g2d.runs.run import Run
from g2d.teachers.bank import OnlineTeachers
from g2d.teachers.cache import CachedTeachers, cache_key, write_cache

if TYPE_CHECKING:
    from lightning_fabric import Fabric

# Batches that are kept and taken in turn.
_KEPT = 4


# What decides the cost of a step; of the training settings, all but these.
_DECIDE = ("data", "encoders", "fusion")
_NO_MATTER = ("epochs", "probe_gradients", "loggers", OLD_LOGGERS)


def cost(subjects: Sequence[Subject]) -> Cost:
    """Measures what a step costs with the model and the data of finished runs.

    Runs that differ in method, seed or epochs have the same cost, since joint training and G²D are
    both measured whatever the runs trained.

    Raises:
        UserError: There is no run, the runs have not the same model, data and training settings,
            or one has no folder.
    """
    if not subjects:
        raise UserError("got no runs to measure with; give one")
    runs = []
    for subject in subjects:
        if subject.run is None:
            raise UserError(f"{subject.label} has no run folder; use measure_cost with a recipe")
        runs.append(subject.run)
    for subject, run in zip(subjects, runs, strict=True):
        if _deciding(run.about["recipe"]) != _deciding(runs[0].about["recipe"]):
            raise UserError(
                f"{subject.label} has not the data, model and training settings of "
                f"{subjects[0].label}, so their steps cost differently; measure one at a time"
            )
    folders = next((run.teacher_folders for run in runs if run.teacher_folders), {})
    return measure_cost(runs[0].recipe, runs[0].splits, folders)


def _deciding(recipe: Mapping[str, Any]) -> dict[str, Any]:
    training = {k: v for k, v in recipe.get("training", {}).items() if k not in _NO_MATTER}
    return {**{key: recipe.get(key) for key in _DECIDE}, "training": training}


def measure_cost(
    recipe: Recipe,
    splits: Splits,
    teacher_folders: Mapping[str, Path] | None = None,
    *,
    steps: int = 50,
    warm_up: int = 10,
    memory: bool = True,
) -> Cost:
    """Joint training beside G²D with online and with cached teachers.

    The three take turns, step by step, so that a drift of the machine's speed reaches all alike.
    Teachers are untrained: what they know does not change what they cost. The batch is on the
    device before a step begins, and the device's queue is waited for.

    Args:
        recipe: Encoders, fusion and training settings; its method is not used.
        splits: The data.
        teacher_folders: Finished teachers, whose training time is to be reported.
        steps: To be timed, of each way of training.
        warm_up: Steps before.
        memory: Also measure peak memory, in three processes more.

    Raises:
        UserError: A number of steps is out of range.
    """
    if steps < 2 or warm_up < 0:
        raise UserError(f"got {steps} steps after {warm_up}, expected 2 or more after 0 or more")
    with tempfile.TemporaryDirectory() as folder:
        work = _workload(recipe, splits, Path(folder))
        fabric = work.settings.make_fabric()
        peaks = {name: peak_memory(work, name) if memory else None for name in VARIANTS}
        loading = _loading_ms(splits, work, fabric, steps)
        times = _times(work, fabric, steps, warm_up)
        taught = CachedTeachers(work.cache, work.key, work.task).outputs(work.batches[0])
        bytes_of = dict.fromkeys((JOINT, ONLINE), batch_bytes(work.batches[0]))
        bytes_of[CACHED] = batch_bytes(work.batches[0], taught)
        widths = {name: outputs.features.shape[1] for name, outputs in taught.items()}
    student = build_student(
        without_pretrained(recipe.with_method("joint")), work.modalities, work.task
    )
    frozen = sum(_count(model) for model in work.teachers().values())
    seconds = _teacher_seconds(teacher_folders or {}, work.modalities)
    rows = [
        StepCost(
            label=name,
            batch_bytes=bytes_of[name],
            step_ms=statistics.median(times[name]),
            quartiles_ms=_quartiles(times[name]),
            ratio=statistics.median(
                own / base for own, base in zip(times[name], times[JOINT], strict=True)
            ),
            peak_mib=peaks[name],
            trained=_count(student, trained=True),
            frozen=frozen if name == ONLINE else 0,
            teacher_seconds=None if name == JOINT else seconds,
            cache_bytes=cache_bytes(len(splits.train), widths, work.task.outputs)
            if name == CACHED
            else 0,
        )
        for name in VARIANTS
    ]
    return Cost(
        tuple(rows),
        batch_size=len(work.batches[0]),
        loading_ms=loading,
        steps=steps,
        device=_device(fabric),
        augmented=splits.train.augmented,
    )


def _workload(recipe: Recipe, splits: Splits, folder: Path) -> Workload:
    """Makes a few training batches, and a cache of new teachers' outputs for them."""
    bare = Workload(recipe, splits.spec.modalities, splits.spec.task, [], folder / "cache", "")
    size = bare.settings.batch_size
    kept = limit(splits.train, _KEPT * size)
    whole = list(make_loader(kept, size, shuffle=False))
    batches = [batch for batch in whole if len(batch) == len(whole[0])]
    online = OnlineTeachers(bare.teachers(), splits.spec.task)
    key = cache_key(online.models, "cost")
    write_cache(bare.cache, online, key, lambda start: whole, len(kept))
    return Workload(recipe, bare.modalities, bare.task, batches, bare.cache, key)


def _loading_ms(splits: Splits, work: Workload, fabric: Fabric, batches: int) -> float:
    """Mean time to read a batch as training does, from the second of a pass on."""
    loader = train_loader(splits.train, work.settings, work.recipe.seed, fabric)
    seconds, samples, passes = 0.0, 0, 0
    size = len(work.batches[0])
    while samples < batches * size:
        loader.batch_sampler.sampler.set_epoch(passes)
        passes += 1
        started = time.perf_counter()
        for number, batch in enumerate(loader):
            now = time.perf_counter()
            if number or len(loader) == 1:  # the first one waits for workers to start
                seconds += now - started
                samples += len(batch)
            started = time.perf_counter()
            if samples >= batches * size:
                break
    return 1000 * seconds / samples * size


def _times(work: Workload, fabric: Fabric, steps: int, warm_up: int) -> dict[str, list[float]]:
    """Milliseconds of every timed step, each round beginning with another variant."""
    made = {name: work.step(name, fabric) for name in VARIANTS}
    times: dict[str, list[float]] = {name: [] for name in VARIANTS}
    for number in range(warm_up + steps):
        turn = number % len(VARIANTS)
        for name in VARIANTS[turn:] + VARIANTS[:turn]:
            synchronise(fabric)
            started = time.perf_counter()
            made[name](number)
            synchronise(fabric)
            if number >= warm_up:
                times[name].append(1000 * (time.perf_counter() - started))
    return times


def _teacher_seconds(folders: Mapping[str, Path], modalities: tuple[str, ...]) -> float | None:
    runs = [Run(folders[name]) for name in modalities if name in folders]
    if len(runs) < len(modalities) or not all(run.finished for run in runs):
        return None
    return float(sum(run.result["seconds"] for run in runs))


def _quartiles(values: Sequence[float]) -> tuple[float, float]:
    low, _, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, high


def _count(model: torch.nn.Module, trained: bool = False) -> int:
    """Numbers in the parameters, all of them or those that are trained."""
    return sum(p.numel() for p in model.parameters() if p.requires_grad or not trained)


def _device(fabric: Fabric) -> str:
    about = machine()
    if fabric.device.type == "cuda":
        return str(about["gpu"])
    return f"{about['processor']}, {about['threads']} threads"
