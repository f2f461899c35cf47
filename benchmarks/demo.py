"""What `g2d demo` shows, with three seeds: is its effect beyond chance on its own test split?

python benchmarks/demo.py
"""

from __future__ import annotations

import argparse
from pathlib import Path

from cells import write

from g2d.analysis.comparison import compare_runs, mcnemar
from g2d.benchmark.demo import run_demo
from g2d.methods.validation import FUSED
from g2d.runs.run import Run


def main() -> None:
    """Runs the demonstration once a seed, or finds it done; writes accuracies and p-values."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/demo"), help="a folder a seed in it")
    result = Path(__file__).parent / "results" / "demo.json"
    parser.add_argument("--result", type=Path, default=result)
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        out = arguments.out / f"seed{seed}"
        folders = run_demo(out, seed=seed)
        found = compare_runs(folders, out)
        rows.append(
            {
                "seed": seed,
                "samples": len(found.right["joint"]),
                **{name: found.students[name][FUSED] for name in ("joint", "g2d")},
                "p": mcnemar(found.right["joint"], found.right["g2d"]),
                "environment": Run(folders[-1]).about["environment"],
            }
        )
        print(rows[-1])
    write({"command": "python benchmarks/demo.py", "rows": rows}, arguments.result)


if __name__ == "__main__":
    main()
