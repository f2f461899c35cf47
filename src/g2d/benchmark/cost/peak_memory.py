"""The most memory that a few training steps hold, each kind in a process of its own.

What one kind of step has freed stays with the process and would hide in it what the next one
takes, so each is measured in a new one: allocated memory on a GPU, memory of the process on the
CPU (Linux), less what interpreter and libraries take.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import torch

from g2d.batch import Batch
from g2d.benchmark.cost.step_variants import Workload
from g2d.errors import UserError
from g2d.recipes.recipe import recipe_from
from g2d.tasks import task_from

_STEPS = 3
_STATUS, _RESET = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def peak_memory(work: Workload, variant: str) -> float | None:
    """MiB that three steps hold at most; `None` where the system does not report it.

    Raises:
        UserError: The steps cannot be made in another process.
    """
    folder = work.cache.parent
    about = {
        "recipe": work.recipe.as_dict(),
        "modalities": work.modalities,
        "task": work.task.describe(),
        "cache": str(work.cache),
        "key": work.key,
        "threads": torch.get_num_threads(),
        "variant": variant,
    }
    (folder / "work.json").write_text(json.dumps(about), encoding="utf-8")
    batch = work.batches[0]
    torch.save(vars(batch), folder / "batch.pt")
    code = "import sys; from g2d.benchmark.cost.peak_memory import measure; measure(sys.argv[1])"
    paths = os.pathsep.join(path or str(Path.cwd()) for path in sys.path)
    done = subprocess.run(
        [sys.executable, "-c", code, str(folder)],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        last = done.stderr.strip().splitlines()[-1:] or ["it printed nothing"]
        raise UserError(f"the memory of {variant} could not be measured: {last[0]}")
    peak: float | None = json.loads((folder / "peak.json").read_text())
    return peak


def measure(place: str) -> None:
    """In the process of its own: makes the steps and writes `peak.json`."""
    folder = Path(place)
    about = json.loads((folder / "work.json").read_text())
    torch.set_num_threads(about["threads"])
    recipe, task = recipe_from(about["recipe"]), task_from(about["task"])
    empty = Workload(
        recipe, tuple(about["modalities"]), task, [], Path(about["cache"]), about["key"]
    )
    fabric = empty.settings.make_fabric()
    before = _kib("VmRSS")
    batch = Batch(**torch.load(folder / "batch.pt", weights_only=True))
    work = Workload(recipe, empty.modalities, task, [batch], empty.cache, empty.key)
    step = work.step(about["variant"], fabric)
    on_gpu = fabric.device.type == "cuda"
    can = on_gpu or _reset()
    for number in range(_STEPS):
        step(number)
    peak: float | None = None
    if on_gpu:
        peak = torch.cuda.max_memory_allocated() / 2**20
    elif can and before is not None:
        peak = ((_kib("VmHWM") or 0) - before) / 2**10
    (folder / "peak.json").write_text(json.dumps(peak))


def _reset() -> bool:
    """Sets the high-water mark of this process back to what it holds now."""
    try:
        _RESET.write_text("5")
    except OSError:
        return False
    return True


def _kib(name: str) -> int | None:
    if not _STATUS.exists():
        return None
    lines = [line for line in _STATUS.read_text().splitlines() if line.startswith(f"{name}:")]
    return int(lines[0].split()[1]) if lines else None
