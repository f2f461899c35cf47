"""Where the run of a recipe and its teachers lie in a folder of runs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import cast

from g2d.errors import UserError
from g2d.recipes.components import split_spec
from g2d.recipes.experiment import Experiment, Teaching
from g2d.recipes.own_code import code_of
from g2d.recipes.recipe import digest
from g2d.wording import listed

# Where and how watched a teacher is trained is not part of what it is. The number of devices is:
# with it grow the samples of a step.
_PLACE = ("accelerator", "workers", "loggers", "probe_gradients")
# Settings that came later, and what held before: teachers trained then are still found.
_SINCE = {"patience": None, "sync_batch_norm": False, "compile": False}


def teacher_folder(teaching: Teaching, modality: str, out: Path) -> Path:
    """Where the teacher of a modality is, or will be."""
    recipe, splits = teaching.recipe, teaching.splits
    identity = {
        "data": splits.spec.fingerprint,
        "protocol": splits.spec.protocol,
        "encoder": recipe.encoders[modality],
        "training": {
            k: v
            for k, v in asdict(teaching.settings).items()
            if k not in _PLACE and not (k in _SINCE and v == _SINCE[k])
        },
        "seed": recipe.seed,
    }
    path, _ = split_spec(recipe.encoders[modality], f"encoders.{modality}")
    if "." in path and not path.startswith("g2d.") and (code := code_of([path])):
        identity["code"] = code
    name = f"{splits.spec.name}-{modality}-seed{recipe.seed}-{digest(identity)}"
    return out / "teachers" / name


def not_finished(folder: Path, what: str = "a finished run folder") -> UserError:
    """The error of a folder that is no finished run, with the runs that it holds, if any."""
    names = sorted(file.parent.name for file in folder.glob("*/result.json"))
    held = f"; it holds: {listed(names, most=4)}" if names else ""
    return UserError(f"{folder} is not {what}{held}")


def run_name(experiment: Experiment) -> str:
    """Name of a run's folder; it marks runs with missing modalities."""
    spec = experiment.splits.spec
    name = f"{spec.name}-{experiment.plan.label}-seed{experiment.recipe.seed}"
    hidden = cast("dict[str, str]", spec.notes.get("missing", {}))
    return "-".join([name, *hidden.get("label", "").split()])
