"""Checks a prepared store."""

from __future__ import annotations

import csv
import hashlib
from collections import Counter, defaultdict
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from g2d.data.checks import check_splits
from g2d.data.preparation.inspection import some
from g2d.data.preparation.report import Report
from g2d.data.splits import Split, Splits
from g2d.tasks import Classification, Regression
from g2d.wording import listed

_CHUNK = 64


def check_stored(
    splits: Splits, folder: Path | None = None, shared: Mapping[str, str] | None = None
) -> Report:
    """Targets of every split, what was skipped, and samples that come twice.

    Args:
        splits: Of the store.
        folder: Where it is, for the list of what preparation had to skip.
        shared: Modalities whose inputs a published split is known to have on several sides, and
            why; that is a fact of the split and no fault of the store.

    Returns:
        Facts; and as problems, inputs of one modality that are equal in two splits, or that are
        equal and carry different labels.

    Raises:
        UserError: Something is in the data that no model can be trained on.
    """
    check_splits(splits)
    facts = _targets(splits)
    skipped = _skipped(folder)
    facts += [f"skipped in preparation: {len(skipped)}"] if skipped else []
    facts += some([f"  {id}: {reason}" for id, reason in skipped])
    problems = []
    if not any(split.augmented for split in splits.named().values()):
        for name in splits.spec.modalities:
            found, purity = _twins(splits, name)
            if shared and name in shared:
                facts += [f"{line}: {shared[name]}" for line in found]
            else:
                problems += found
            facts.append(f"{name}: label purity of equal inputs {purity:.4f}")
    return Report(tuple(facts), tuple(problems))


def _targets(splits: Splits) -> list[str]:
    """How many of each class, or from where to where the numbers go."""
    task = splits.spec.task
    if isinstance(task, Regression):
        targets = {part: split.target.double() for part, split in splits.named().items()}
        return [
            f"{part}: target {values.min():g} to {values.max():g}, mean {values.mean():g}"
            for part, values in targets.items()
        ]
    if not isinstance(task, Classification):
        return []
    lines = []
    for part, split in splits.named().items():
        counts = torch.bincount(split.target, minlength=task.outputs).tolist()
        each = [f"{name} {count}" for name, count in zip(task.class_names, counts, strict=True)]
        few = each if len(each) <= 12 else [*each[:12], f"and {len(each) - 12} more"]
        lines.append(f"{part}: {', '.join(few)}")
    return lines


def _skipped(folder: Path | None) -> list[tuple[str, str]]:
    file = None if folder is None else folder / "skipped.csv"
    if file is None or not file.exists():
        return []
    with file.open(newline="", encoding="utf-8") as stream:
        return [(row["id"], row["reason"]) for row in csv.DictReader(stream)]


def _twins(splits: Splits, modality: str) -> tuple[list[str], float]:
    """Equal inputs in two splits; and the share of rows with the commonest label of their equals.

    Where `val` is `test` (policies that select on test) the two are checked once.
    """
    places: dict[bytes, set[str]] = defaultdict(set)
    labels: dict[bytes, Counter[float]] = defaultdict(Counter)
    named = splits.named()
    parts = {
        name: split for name, split in named.items() if name != "val" or split is not named["test"]
    }
    for part, split in parts.items():
        for start in range(0, len(split), _CHUNK):
            rows = list(range(start, min(start + _CHUNK, len(split))))
            for row, digest in _digests(split, rows, modality):
                places[digest].add(part)
                if split.target.ndim == 1:
                    labels[digest][split.target[row].item()] += 1
    shared: Counter[tuple[str, ...]] = Counter(
        tuple(part for part in parts if part in found)
        for found in places.values()
        if len(found) > 1
    )
    problems = [
        f"{modality}: {count} inputs are in {listed(found)}" for found, count in shared.items()
    ]
    total = sum(counts.total() for counts in labels.values())
    pure = sum(max(counts.values()) for counts in labels.values())
    return problems, pure / total if total else 1.0


def _digests(split: Split, rows: list[int], modality: str) -> list[tuple[int, bytes]]:
    """A hash of every input that is there."""
    batch = split.__getitems__(rows)
    there = batch.mask(modality).tolist()
    return [
        (row, hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).digest())
        for row, array, has in zip(rows, batch.inputs[modality].numpy(), there, strict=True)
        if has
    ]
