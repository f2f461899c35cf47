"""Tables 1, 4, 6 and 7 on AV-MNIST, as the paper has them, as its code has them, and by default.

    g2d data prepare avmnist --images DIR --speech DIR --out avmnist --snr-db -12
    python benchmarks/readings.py --data avmnist --tables table7 --epochs 15 60

A small CNN and few epochs in the place of ResNet-18 and 300; one learning rate for all rows, the
one of `report.py`. Cells are run folders and are not done twice. The result is written after every
table.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from cells import write
from report import RATE, g2d

from g2d.files import read_json
from g2d.runs.environment import environment

HERE = Path(__file__).parent
TABLES = ("table1", "table4", "table6", "table7")
READINGS = ("paper", "released", "default")
# What a CPU can do.
SMALL = (
    *("--encoders.image", "small_cnn", "--encoders.audio", "small_cnn"),
    *("--training.batch_size", "32", *RATE),
)


def rows_of(table: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Fused accuracy of every row, in percent."""
    column = next(n for n, c in enumerate(table["columns"]) if c["read"] == "fused")
    found = {}
    for row in table["rows"]:
        number = row["numbers"][column]
        if number is None or number["mean"] is None:
            continue
        found[", ".join(row["labels"])] = {key: number[key] for key in ("mean", "std", "values")}
    return found


def main() -> None:
    """Runs what is not done, then writes what there is."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="the prepared store")
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=TABLES)
    parser.add_argument("--readings", nargs="+", choices=READINGS, default=READINGS)
    parser.add_argument("--epochs", nargs="+", default=["15"])
    parser.add_argument("--seeds", nargs="+", default=["0", "1", "2"])
    parser.add_argument("--jobs", default="1", help="processes (default: 1)")
    parser.add_argument("--out", type=Path, default=Path("evidence"), help="of the run folders")
    parser.add_argument(
        "--result", type=Path, default=HERE / "results" / "readings.json", help="is added to"
    )
    arguments = parser.parse_args()
    result: dict[str, Any] = {"tables": {}}
    if arguments.result.exists():
        result = read_json(arguments.result)
    for table in arguments.tables:
        for epochs in arguments.epochs:
            for reading in arguments.readings:
                name = f"{table}-{reading}-{epochs}"
                words = ["--as", reading, "--on", f"avmnist={arguments.data}", "--epochs", epochs]
                words += ["--seeds", *arguments.seeds, "--jobs", arguments.jobs, *SMALL]
                g2d("compare", table, *words, "--out", str(arguments.out), "--name", name)
                made = read_json(arguments.out / "tables" / f"{name}.json")
                part = result["tables"].setdefault(table, {}).setdefault(epochs, {})
                result["environment"] = environment()
                part[reading] = {
                    "command": made["command"],
                    "commit": result["environment"]["commit"],
                    "rows": rows_of(made),
                }
                write(result, arguments.result)


if __name__ == "__main__":
    main()
