"""Floors in a file: their logits, and no estimator, which could only be pickled."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch

from g2d.arrays import read_npz, write_npz
from g2d.shallow.floors import Floors
from g2d.tasks import Task

_ABOUT = "about"


def save_floors(file: Path, floors: Floors) -> None:
    """Writes floors, whole or not at all."""
    about = json.dumps({"reads": floors.reads, "notes": floors.notes})
    arrays = {
        f"{name}/{split}": logits.contiguous().numpy()
        for name, by_split in floors.logits.items()
        for split, logits in by_split.items()
    }
    write_npz(file, {_ABOUT: np.array(about), **arrays})


def load_floors(file: Path, task: Task) -> Floors | None:
    """Reads floors; `None` where there are none, or a damaged file."""
    try:
        arrays = read_npz(file, "it is made again")
        about = json.loads(str(arrays.pop(_ABOUT)))
        logits: dict[str, dict[str, torch.Tensor]] = {}
        for key, said in arrays.items():
            name, split = key.split("/")
            logits.setdefault(name, {})[split] = torch.from_numpy(said)
    except (OSError, ValueError, KeyError):
        return None
    reads = {name: tuple(names) for name, names in about["reads"].items()}
    return Floors(task, logits, reads, tuple(about["notes"]))
