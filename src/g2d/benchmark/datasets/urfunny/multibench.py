"""UR-FUNNY as MultiBench distributes it: one pickle of three parts, filled up in front."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from g2d.benchmark.datasets.urfunny.source import WIDTHS, checked_label
from g2d.benchmark.datasets.words.folds import Folds, read_folds, texts_of
from g2d.benchmark.datasets.words.parts import empty_parts
from g2d.benchmark.datasets.words.source import (
    Arrays,
    Source,
    aligned,
    from_first_word,
    or_zero,
    steps,
)
from g2d.data.preparation import Sample

FILE = "humor.pkl"
_KEYS = {"audio": "audio", "visual": "vision", "text": "text"}
_LABELS = (-1, 0, 1)


def read_multibench(root: Path) -> Source:
    """Reads all of it into memory.

    Raises:
        UserError: The file is damaged, holds what it must not, or is not of this dataset.
    """
    file = root / FILE
    folds = read_folds(file, [*_KEYS.values(), "labels"])
    samples = folds.samples("humor", "labels", or_zero(_label), _columns)
    files = {"humor": file}
    return Source("multibench", files, samples, _Decode(folds), empty_parts(samples))


def _label(value: Any) -> int:
    return checked_label(value, _LABELS)


def _columns(name: Any) -> dict[str, str]:
    return {"name": next(iter(texts_of(name)), "")}


@dataclass(frozen=True)
class _Decode:
    folds: Folds

    def __call__(self, sample: Sample) -> Arrays:
        held, row = self.folds.of(sample)
        _label(held["labels"][row])
        return from_first_word(
            aligned(
                {name: steps(held[key][row], name, WIDTHS[name]) for name, key in _KEYS.items()}
            )
        )
