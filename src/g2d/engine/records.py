"""What a run writes while it trains: a line an epoch, and the predictions of a split."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from g2d.arrays import read_npz, write_npz
from g2d.checksums import sealed, unsealed
from g2d.engine.evaluate import Evaluation
from g2d.errors import UserError
from g2d.files import Record, room_for, write_whole

_METRICS = "metrics.jsonl"


def append_epoch(folder: Path, record: Mapping[str, Any]) -> None:
    """Adds a line to `metrics.jsonl`."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / _METRICS
    with room_for(path), path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(sealed(record)) + "\n")


def read_epochs(folder: Path) -> list[dict[str, Any]]:
    """The lines of `metrics.jsonl`, without the last if a killed run left half of it.

    Raises:
        UserError: Another line is damaged.
    """
    path = folder / _METRICS
    lines = path.read_bytes().splitlines() if path.exists() else []
    records: list[dict[str, Any]] = []
    for number, line in enumerate(lines, 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict):
                raise ValueError
        except (ValueError, RecursionError):
            if number < len(lines):
                raise UserError(f"{path}: line {number} is damaged; start the run anew") from None
        else:
            records.append(Record(path, unsealed(record, f"{path}, line {number},")))
    return records


def keep_epochs(folder: Path, count: int) -> None:
    """Drops the lines of epochs that a resumed run will repeat."""
    kept = [record for record in read_epochs(folder) if record["epoch"] < count]
    if folder.exists():
        lines = "".join(json.dumps(sealed(record)) + "\n" for record in kept)
        write_whole(folder / _METRICS, lines)


def write_predictions(folder: Path, split: str, evaluation: Evaluation) -> None:
    """Writes the logits of a split, one array a modality and one fused, and what is absent."""
    arrays = {f"logits/{name}": rows.numpy() for name, rows in evaluation.logits.items()}
    arrays |= {f"present/{name}": mask.numpy() for name, mask in evaluation.present.items()}
    arrays |= {"index": evaluation.index.numpy(), "target": evaluation.target.numpy()}
    write_npz(folder / f"predictions-{split}.npz", arrays)


def read_predictions(folder: Path, split: str) -> dict[str, NDArray[np.generic]]:
    """Reads what `write_predictions` wrote: `index`, `target`, `logits/<name>`, `present/<name>`.

    Raises:
        FileNotFoundError: There are none.
        UserError: They are cut short or damaged.
    """
    return read_npz(folder / f"predictions-{split}.npz", "g2d evaluate makes it again")
