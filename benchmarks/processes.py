"""How far two processes with half of every batch train from one that has the whole.

python benchmarks/processes.py

With encoders that hold batch norm. Without it and without dropout they train the same weights,
which tests/distributed holds.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cells import read_result, summarise, write

ROWS = {"one process": (1, 32), "two processes": (2, 16)}


def run_cell(seed: int, devices: int, batch: int, epochs: int, out: Path) -> dict[str, Any]:
    """Trains one run, or finds it done; returns its result."""
    name = f"{devices}-seed{seed}"
    settings = {"accelerator": "cpu", "devices": devices, "batch_size": batch, "epochs": epochs}
    words = [sys.executable, "-m", "g2d", "train", "avdigits", "--method", "joint", "--resume"]
    words += ["--seed", str(seed), "--out", str(out), "--name", name]
    for key, value in settings.items():
        words += [f"--training.{key}", str(value)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    subprocess.run(words, check=True, env=environment, stdout=subprocess.DEVNULL)
    return read_result(out / name)


def main() -> None:
    """Trains every row with every seed and writes the accuracies."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--out", type=Path, default=Path("runs/processes"))
    result = Path(__file__).parent / "results" / "processes-cpu.json"
    parser.add_argument("--result", type=Path, default=result)
    given = parser.parse_args()
    cells = {
        row: [run_cell(seed, *shape, given.epochs, given.out) for seed in given.seeds]
        for row, shape in ROWS.items()
    }
    content = {
        "command": "python benchmarks/processes.py",
        "environment": cells["two processes"][-1]["environment"],
        "dataset": "avdigits",
        "epochs": given.epochs,
        "seeds": given.seeds,
        "rows": {row: summarise(found) for row, found in cells.items()},
    }
    write(content, given.result)
    print(json.dumps({row: found["accuracy"]["test"] for row, found in content["rows"].items()}))


if __name__ == "__main__":
    main()
