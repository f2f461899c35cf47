"""What the code of a result does on a tiny table: two epochs, a few numbers, seconds.

A result file keeps these numbers beside what it measured. A test takes them again and fails where
they differ: then the code has changed since in a way that changes results, and the row is to be
measured again.
"""

from __future__ import annotations

import csv
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from cells import run_cell

WIDTH = 6
MODALITIES = ("near", "far")


def behaviour(method: Mapping[str, Any]) -> dict[str, float]:
    """Losses of a method on validation and test of a table of 96 rows, after two epochs.

    Args:
        method: As a recipe names it.

    Returns:
        The loss of every prediction, fused and unimodal: `{"val/fused": 1.07, ...}`.
    """
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        _write_table(place / "data.csv")
        (place / "tiny.yaml").write_text(yaml.safe_dump(_recipe(place / "data.csv", method)))
        result = run_cell(str(place / "tiny.yaml"), [], str(place / "runs"))
    return {
        f"{split}/{name}": round(value, 6)
        for split in ("val", "test")
        for name, value in sorted(result[split]["loss"].items())
    }


def _write_table(path: Path) -> None:
    """Three classes, which one modality tells better than the other."""
    random = np.random.default_rng(0)
    target = np.arange(96) % 3
    near = random.normal(size=(96, WIDTH)) + 1.5 * np.eye(3, WIDTH)[target]
    far = random.normal(size=(96, WIDTH)) + 0.7 * np.eye(3, WIDTH)[target]
    header = [f"{name}{i}" for name in MODALITIES for i in range(WIDTH)]
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow([*header, "kind", "split"])
        for row in range(96):
            values = [f"{value:.4f}" for value in (*near[row], *far[row])]
            part = "train" if row < 48 else "val" if row < 72 else "test"
            writer.writerow([*values, "abc"[target[row]], part])


def _recipe(table: Path, method: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: [f"{name}{i}" for i in range(WIDTH)] for name in MODALITIES}
    return {
        "data": {
            "name": "table",
            "table": str(table),
            "target": "kind",
            "modalities": {
                name: {"kind": "features", "columns": own} for name, own in columns.items()
            },
            "split": {"column": "split"},
        },
        "encoders": dict.fromkeys(MODALITIES, "auto"),
        "fusion": "late",
        "method": dict(method),
        "training": {"epochs": 2, "batch_size": 16, "optimizer": "sgd", "learning_rate": 0.1},
        "seed": 0,
    }
