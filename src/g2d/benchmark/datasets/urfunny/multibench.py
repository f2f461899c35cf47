"""UR-FUNNY as MultiBench distributes it: one pickle of three parts, filled up in front."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.benchmark.datasets.pickles import load_pickle
from g2d.benchmark.datasets.urfunny.source import Arrays, Source, aligned, checked_label, steps
from g2d.data.preparation import Sample, UnusableError
from g2d.errors import UserError

FILE = "humor.pkl"
_PARTS = {"train": "train", "valid": "val", "test": "test"}
_KEYS = {"audio": "audio", "visual": "vision", "text": "text"}
_LABELS = (-1, 0, 1)


def read_multibench(root: Path) -> Source:
    """Reads all of it into memory.

    Raises:
        UserError: The file is damaged, holds what it must not, or is not of this dataset.
    """
    file = root / FILE
    content = load_pickle(file)
    if not isinstance(content, dict) or set(_PARTS) - set(content):
        raise UserError(f"{file} does not hold {', '.join(_PARTS)}; obtain it again")
    samples = []
    for fold, part in _PARTS.items():
        held = content[fold]
        if not isinstance(held, dict) or {*_KEYS.values(), "labels"} - set(held):
            raise UserError(
                f"{file}: {fold} does not hold {', '.join(_KEYS.values())}, labels; get it again"
            )
        counts = {key: len(held[key]) for key in (*_KEYS.values(), "labels")}
        if len(set(counts.values())) > 1:
            raise UserError(f"{file}: {fold} has rows that do not match: {counts}; get it again")
        names = held.get("id", [""] * counts["labels"])
        for row, name in enumerate(names):
            target = _target(held["labels"][row])
            columns = {"part": part, "name": _word(name)}
            samples.append(Sample(f"{part}-{row:05}", target, {"humor": file}, columns))
    return Source("multibench", {"humor": file}, samples, _Decode(content))


def _target(label: Any) -> int:
    """0 where there is none; such a sample is not usable."""
    try:
        return checked_label(label, _LABELS)
    except UnusableError:
        return 0


def _word(name: Any) -> str:
    """The name of a segment, which may lie in an array or be bytes."""
    flat = np.asarray(name).reshape(-1)
    first = flat[0] if len(flat) else ""
    return first.decode("latin1") if isinstance(first, bytes) else str(first)


@dataclass(frozen=True)
class _Decode:
    content: Mapping[str, Any]

    def __call__(self, sample: Sample) -> Arrays:
        part, _, row = sample.id.rpartition("-")
        held = self.content[{part: fold for fold, part in _PARTS.items()}[part]]
        checked_label(held["labels"][int(row)], _LABELS)
        found = aligned({name: steps(held[key][int(row)], name) for name, key in _KEYS.items()})
        spoken = np.flatnonzero(found["text"].any(axis=1))
        if not len(spoken):
            raise UnusableError("none of its words has a vector")
        return {name: array[spoken[0] :] for name, array in found.items()}
