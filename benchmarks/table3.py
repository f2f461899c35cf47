"""Table 3 of the paper: soil moisture, by each modality alone, MIS-ME, joint training and G²D.

    python benchmarks/table3.py --data DIR --seeds 0 1 2

DIR is a store made by `g2d data prepare misme`. Equal encoders, epochs, optimizer and learning-rate
schedule for every row, those of the recipe; the best epoch is chosen on validation by RMSE; test is
measured once, with that epoch. Cells are run folders and are not done twice, so a killed benchmark
goes on where it stopped. Writes JSON under `benchmarks/results` and prints ours beside the paper's
(`paper/table3.yaml`) as Markdown.
"""

from __future__ import annotations

import argparse
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import yaml
from cells import about_data, one_commit, run_cell, summarise, teach_cell, write
from tables import beside_paper

HERE = Path(__file__).parent
METRICS = ("mape", "r2", "rmse", "mae")

# Students, by their label; the rows of single modalities are the teachers.
ROWS: dict[str, dict[str, Any]] = {
    "joint": {"name": "joint"},
    "UME (mean of teachers)": {"name": "ume"},
    "UMT": {"name": "umt"},
    "MIS-ME, concat": {"name": "mis_me", "approach": "concat"},
    "MIS-ME, hybrid loss": {"name": "mis_me", "approach": "hybrid"},
    "MIS-ME, learnable weights": {"name": "mis_me", "approach": "learnable"},
    "G²D loss": {"name": "g2d_loss"},
    "joint + SMP": {"name": "joint+smp"},
    "G²D": {"name": "g2d"},
}


def main() -> None:
    """Runs the cells that are missing, then writes the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, help="the prepared store")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--recipe", default="misme", help="another recipe, or a .yaml file")
    parser.add_argument("--protocol", default="clean", help="clean, paper, time or station")
    parser.add_argument("--jobs", type=int, default=1, help="processes, one thread each")
    parser.add_argument("--out", default="runs/table3", help="folder of the run folders")
    parser.add_argument("--only", nargs="+", help="only these rows, beside the teachers")
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    if arguments.only and arguments.result is None:
        parser.error("--only makes part of the table: name its file with --result")
    table = {k: v for k, v in ROWS.items() if arguments.only is None or k in arguments.only}
    if arguments.only and (unknown := set(arguments.only) - set(table)):
        parser.error(f"there is no row {sorted(unknown)}; known: {list(ROWS)}")
    data = Path(arguments.data).resolve()
    taught, cells = run(arguments, data, table)
    everything = [*cells.values(), *(teacher for seed in taught for teacher in seed.values())]
    one_commit(everything)
    alone = {
        f"{name} alone": summarise([seed[name] for seed in taught], METRICS) for name in taught[0]
    }
    students = {
        label: {
            "method": method,
            **summarise([cells[label, seed] for seed in arguments.seeds], METRICS),
        }
        for label, method in table.items()
    }
    result = {
        "command": _command(arguments),
        **about_data(data, "--root DIR", ("side",)),
        "protocol": f"{arguments.protocol}; best epoch on val by RMSE, test once",
        "seeds": arguments.seeds,
        "environment": everything[0]["environment"],
        "paper": yaml.safe_load((HERE / "paper" / "table3.yaml").read_text()),
        "rows": {**alone, **students},
    }
    path = arguments.result or HERE / "results" / f"table3-misme-{arguments.protocol}.json"
    write(result, path)
    print(f"\n{beside_paper(result)}\n\nwritten to {path}")


def run(
    arguments: argparse.Namespace, data: Path, table: dict[str, dict[str, Any]]
) -> tuple[list[dict[str, Any]], dict[tuple[str, int], dict[str, Any]]]:
    """The teachers of every seed, then every row with every seed."""
    recipe, out = arguments.recipe, arguments.out

    def changes(seed: int) -> list[tuple[str, Any]]:
        return [
            ("data.root", str(data)),
            ("data.protocol", arguments.protocol),
            ("seed", seed),
        ]

    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        teaching = [pool.submit(teach_cell, recipe, changes(s), out) for s in arguments.seeds]
        taught = [job.result() for job in teaching]
        jobs = {
            pool.submit(run_cell, recipe, [*changes(seed), ("method", method)], out): (label, seed)
            for label, method in table.items()
            for seed in arguments.seeds
        }
        cells: dict[tuple[str, int], dict[str, Any]] = {}
        for job in as_completed(jobs):
            label, seed = jobs[job]
            cells[label, seed] = job.result()
            mape = cells[label, seed]["test"]["mape"]["fused"]
            print(f"[{len(cells)}/{len(jobs)}] {label}, seed {seed}: MAPE {mape:.2%}", flush=True)
    return taught, cells


def _command(arguments: argparse.Namespace) -> str:
    recipe = "" if arguments.recipe == "misme" else f" --recipe {arguments.recipe}"
    only = "".join(f' "{row}"' for row in arguments.only or ())
    return (
        f"python benchmarks/table3.py --data DIR --protocol {arguments.protocol} "
        f"--seeds {' '.join(map(str, arguments.seeds))}{recipe}"
        + (f" --only{only}" if only else "")
    )


if __name__ == "__main__":
    main()
