"""Grids of the toys, how they are run, and what is left of them."""

from __future__ import annotations

import json

import numpy as np

from g2d.benchmark.compare.jobs import plan_jobs
from g2d.benchmark.compare.launchers.lines import Lines
from g2d.benchmark.compare.launchers.local import InThisProcess
from g2d.benchmark.compare.launchers.running import run_jobs
from g2d.benchmark.compare.reading import grid_from
from g2d.runs.run import Run
from toy import toy_recipe


def toy_grid(folder, *, name="mine", epochs=3, **axes):
    """A grid of the toys: `method=[...]`, `fusion=[...]`, `seeds=[...]`."""
    recipe = folder / "toy.yaml"
    recipe.write_text(json.dumps(toy_recipe(epochs=epochs)))
    seeds = axes.pop("seeds", [0])
    content = {"axes": {"dataset": {"toys": {"recipe": str(recipe)}}, **axes}, "seeds": seeds}
    return grid_from(content, name)


def run_grid(grid, out, launcher=None, watch=None):
    """Outcomes by name; in this process where nothing else is said."""
    jobs = plan_jobs(grid.cells(), out)
    return run_jobs(jobs, launcher or InThisProcess(), watch or Lines(lambda _: None))


def by_label(grid, axis="method"):
    return {cell.labels[axis]: cell.name for cell in grid.cells()}


def left_behind(out):
    """All that must not depend on where, when and in how many pieces a grid was run."""
    found = {}
    for path in sorted([*out.glob("*/result.json"), *out.glob("teachers/*/result.json")]):
        run, name = Run(path.parent), str(path.parent.relative_to(out))
        found[name, "result"] = {**run.result, "seconds": 0}
        found[name, "weights"] = (run.path / "model.safetensors").read_bytes()
        found[name, "epochs"] = [{**epoch, "seconds": 0} for epoch in run.epochs]
        for file in run.path.glob("predictions-*.npz"):
            with np.load(file) as arrays:
                found[name, file.name] = {key: arrays[key].tobytes() for key in arrays.files}
    return found
