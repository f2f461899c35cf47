"""Floors in a file: what they say, as numbers, and no estimator, which could only be pickled."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np
import torch

from g2d.files import atomic
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
    with atomic(file) as temporary, temporary.open("wb") as stream:
        np.savez_compressed(stream, allow_pickle=False, **{_ABOUT: np.array(about), **arrays})


def load_floors(file: Path, task: Task) -> Floors | None:
    """Reads floors; `None` where there are none, or a damaged file."""
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            about = json.loads(str(arrays[_ABOUT]))
            logits: dict[str, dict[str, torch.Tensor]] = {}
            for key in arrays.files:
                if key != _ABOUT:
                    name, split = key.split("/")
                    logits.setdefault(name, {})[split] = torch.from_numpy(arrays[key])
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile):
        return None
    reads = {name: tuple(names) for name, names in about["reads"].items()}
    return Floors(task, logits, reads, tuple(about["notes"]))
