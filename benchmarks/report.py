"""The committed report: the paper's tables and figures on AV-MNIST, and every method tuned.

    g2d data prepare avmnist --images DIR --speech DIR --out avmnist --snr-db -12
    python benchmarks/report.py --data avmnist --jobs 2

15 epochs for the paper's 300, 3 seeds. `report/methods.yaml` has every method with a learning rate
of its own; the paper's tables have one for all, 0.03, the one that is best for G²D on validation.
Cells are run folders and are not done twice, so a killed benchmark goes on where it stopped. Writes
the page and its tables into `report/` beside this file.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
OWN = ("methods", "missing")
TABLES = ("table4", "table5", "table6", "table7", "table8", "table9", "table12")
FIGURES = ("figure1", "figure3", "figure4", "figure5", "figure6", "table10")
RATE = ("--training.learning_rate", "0.03", "--teachers.learning_rate", "0.03")


def main() -> None:
    """Runs the grids that are not done, then writes the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="the prepared store")
    parser.add_argument("--jobs", type=int, default=2, help="processes (default: 2)")
    parser.add_argument("--out", default="evidence", help="folder of the run folders")
    parser.add_argument("--to", type=Path, default=HERE / "report" / "index.html")
    parser.add_argument("--only", nargs="+", choices=[*OWN, *TABLES, *FIGURES], help="these grids")
    parser.add_argument("--epochs", default="15")
    parser.add_argument("--seeds", nargs="+", default=["0", "1", "2"])
    arguments = parser.parse_args()
    for name in arguments.only or (*OWN, *TABLES, *FIGURES):
        # As a person would type it: the page shows the command.
        grid = os.path.relpath(HERE / "report" / f"{name}.yaml") if name in OWN else name
        seeds = arguments.seeds[:1] if name in FIGURES else arguments.seeds
        common = ["--on", f"avmnist={arguments.data}", "--jobs", str(arguments.jobs)]
        common += ["--epochs", arguments.epochs, "--seeds", *seeds, "--out", arguments.out]
        g2d("compare", grid, *common, *(() if name == "methods" else RATE))
    g2d("report", arguments.out, "--to", str(arguments.to))


def g2d(*arguments: str) -> None:
    """Runs a command; a grid with failed cells says so itself, and the report shows it."""
    command = [sys.executable, "-m", "g2d.cli.main", *arguments]
    status = subprocess.run(command, check=False).returncode
    if status not in (0, 1):
        raise SystemExit(status)


if __name__ == "__main__":
    main()
