"""Pickles of three parts, each a dictionary of arrays that have a row a segment.

MultiBench, MulT and MMSA distribute datasets in this form, under different keys.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from g2d.benchmark.datasets.pickles import load_pickle
from g2d.data.preparation import Sample
from g2d.errors import UserError

_PARTS = {"train": "train", "valid": "val", "test": "test"}


@dataclass(frozen=True)
class Folds:
    """The parts of a pickle.

    Attributes:
        file: The pickle.
        held: What is in each part (`train`, `val`, `test`), by its keys.
    """

    file: Path
    held: Mapping[str, Mapping[str, Any]]

    def samples(
        self,
        source: str,
        labels: str,
        target: Callable[[Any], float],
        columns: Callable[[Any], dict[str, str]],
    ) -> list[Sample]:
        """A sample for each row, called `train-00000` and so on.

        Args:
            source: What the file is called among a sample's sources.
            labels: Key of the labels.
            target: Of a label.
            columns: Of what stands under `id`, or of "" where a part has no ids.
        """
        found = []
        for part, held in self.held.items():
            names = held.get("id", [""] * len(held[labels]))
            for row, name in enumerate(names):
                about = {"part": part, **columns(name)}
                label = target(held[labels][row])
                found.append(Sample(f"{part}-{row:05}", label, {source: self.file}, about))
        return found

    def of(self, sample: Sample) -> tuple[Mapping[str, Any], int]:
        """The part that has a sample, and its row there."""
        part, _, row = sample.id.rpartition("-")
        return self.held[part], int(row)


def read_folds(file: Path, keys: Sequence[str]) -> Folds:
    """Reads all of a pickle into memory.

    Args:
        file: The pickle.
        keys: What every part has to hold, each with as many rows as the others.

    Raises:
        UserError: The file is damaged, holds what it must not, or is not laid out so.
    """
    content = load_pickle(file)
    if not isinstance(content, dict) or set(_PARTS) - set(content):
        raise UserError(f"{file} does not hold {', '.join(_PARTS)}; obtain it again")
    for fold in _PARTS:
        held = content[fold]
        if not isinstance(held, dict) or set(keys) - set(held):
            raise UserError(f"{file}: {fold} does not hold {', '.join(keys)}; get it again")
        counts = {key: _rows(held[key]) for key in [*keys, "id"] if key in held}
        if len(set(counts.values())) > 1 or None in counts.values():
            raise UserError(f"{file}: {fold} has rows that do not match: {counts}; get it again")
    return Folds(file, {part: content[fold] for fold, part in _PARTS.items()})


def _rows(values: Any) -> int | None:
    """How many; none where it is no list of rows."""
    if isinstance(values, np.ndarray):
        return len(values) if values.ndim else None
    return len(values) if isinstance(values, list) else None


def texts_of(value: Any) -> list[str]:
    """The texts of an array or of one value; bytes are read as Latin-1.

    Example:
        >>> texts_of(np.array([b"video", b"1.5"]))
        ['video', '1.5']
        >>> texts_of("video[3]")
        ['video[3]']
    """
    flat = np.asarray(value).reshape(-1).tolist()
    return [one.decode("latin1") if isinstance(one, bytes) else str(one) for one in flat]
