"""What G²D costs with its teachers, and what cheaper teachers cost in accuracy: AV-MNIST.

    g2d data prepare avmnist --images DIR --speech DIR --out avmnist --snr-db -12
    python benchmarks/price.py --data avmnist

Every row is `g2d train` as typed, in a process of one thread and with a folder of its own, so that
it pays for its teachers. The price is CPU time from start to end, in units of joint training with
the same seed. Learning rates are those of `results/default.json`; rows that begin from their
teachers have the rate of the row that does not. Rows of a seed follow one another, and the result
is written after every seed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from cells import read_result, summary, write

from g2d.runs.environment import environment

HERE = Path(__file__).parent
EPOCHS = 15
STUDENT = ("--method", "g2d", "--training.learning_rate", "0.1")
FROM_TEACHERS = (*STUDENT, "--method.init", "teachers")
UNIMODAL_LOSSES = ("--method", "joint", "--method.gamma", "1", "--training.learning_rate", "0.1")
# The method's words, its epochs, and those of the teachers.
ROWS: dict[str, tuple[tuple[str, ...], int, int | None]] = {
    "joint": (("--method", "joint", "--training.learning_rate", "0.3"), EPOCHS, None),
    "joint with unimodal losses": (UNIMODAL_LOSSES, EPOCHS, None),
    "AMCo": (("--method", "amco", "--training.learning_rate", "0.1"), EPOCHS, None),
    "UME, fitted": (("--method", "ume", "--method.weights", "fitted"), EPOCHS, EPOCHS),
    "G²D": (STUDENT, EPOCHS, EPOCHS),
    "G²D, teachers of 8 epochs": (STUDENT, EPOCHS, 8),
    "G²D, teachers of 4 epochs": (STUDENT, EPOCHS, 4),
    "G²D of 8 epochs, teachers of 8": (STUDENT, 8, 8),
    "G²D of 8 epochs from its teachers of 15": (FROM_TEACHERS, 8, EPOCHS),
    "G²D of 8 epochs from its teachers of 8": (FROM_TEACHERS, 8, 8),
    "G²D of 4 epochs from its teachers of 8": (FROM_TEACHERS, 4, 8),
}


def run_row(name: str, seed: int, data: str, out: Path) -> dict[str, float]:
    """CPU seconds of a command, and the test accuracy of what it made; done once."""
    words, epochs, teachers = ROWS[name]
    place = out / f"{list(ROWS).index(name)}-seed{seed}"
    command = [sys.executable, "-m", "g2d", "train", "avmnist", "--data.root", data]
    command += [*words, "--training.epochs", str(epochs), "--seed", str(seed)]
    if teachers is not None:
        command += ["--teachers.epochs", str(teachers), "--teachers.learning_rate", "0.1"]
    command += ["--out", str(place), "--name", "run"]
    child = subprocess.Popen(
        command, stdout=subprocess.DEVNULL, env={**os.environ, "OMP_NUM_THREADS": "1"}
    )
    _, status, used = os.wait4(child.pid, 0)
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    result = read_result(place / "run")
    both = result.get("with_teachers")
    return {
        "cpu_s": used.ru_utime + used.ru_stime,
        "accuracy": result["test"]["accuracy"]["fused"],
        **({"with_teachers": both["test"]["accuracy"]} if both else {}),
    }


def main() -> None:
    """Seed by seed, all rows."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="the prepared store")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/price"), help="empty, or not there")
    parser.add_argument("--result", type=Path, default=HERE / "results" / "price-cpu.json")
    given = parser.parse_args()
    done: dict[str, list[dict[str, float]]] = {name: [] for name in ROWS}
    for number, seed in enumerate(given.seeds):
        for name, cells in done.items():
            cells.append(run_row(name, seed, given.data, given.out))
            print(seed, name, cells[-1], flush=True)
        content: dict[str, Any] = {
            "command": "python benchmarks/price.py --data avmnist",
            "environment": environment(),
            "dataset": "AV-MNIST, -12 dB",
            "epochs": EPOCHS,
            "seeds": given.seeds[: number + 1],
            "rows": {
                name: {
                    "price": summary(
                        [
                            one["cpu_s"] / joint["cpu_s"]
                            for one, joint in zip(cells, done["joint"], strict=True)
                        ]
                    ),
                    **{
                        key: summary([one[key] for one in cells])
                        for key in ("cpu_s", "accuracy", "with_teachers")
                        if key in cells[0]
                    },
                }
                for name, cells in done.items()
            },
        }
        write(content, given.result)


if __name__ == "__main__":
    main()
