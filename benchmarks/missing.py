"""Table 11: test accuracy where a share of the modalities is missing.

    g2d data prepare avmnist --images DIR --speech DIR --second-speaker --out DATA
    python benchmarks/missing.py --data DATA --seeds 0 1 2 --jobs 2

DATA serves twice: with picture and sound (`avmnist`), and with a second recording of the same digit
by another speaker (`avmnist3`). Every row has the same masks, epochs and learning rate and its own
default options; nothing is tuned. The best epoch is chosen on validation, which is masked as
training is; test is measured once, on all samples. CRA, MMIN, CPM-Nets and TATE get the features of
the unimodal teachers and have epochs of their own (`imputed.py`; MMIN and TATE fewer than usual).
Cells are run folders and are not done twice, so a killed benchmark goes on where it stopped.
Writes JSON under `benchmarks/results` and prints the tables as Markdown.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from concurrent.futures import Future, ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from cells import about_data, one_commit, run_cell, summarise, summary, teach_cell, write
from imputed import BASELINES, impute_cell
from tables import missing_table

from g2d import UserError
from g2d.data.missing import check_rate
from g2d.recipes.recipe import load_recipe

HERE = Path(__file__).parent
DATASETS = ("avmnist", "avmnist3")
RATES = (0.0, 0.2, 0.4, 0.6)
METHODS = {"joint": "joint", "UME": "ume", "UMT": "umt", "G²D": "g2d"}

Cell = tuple[str, str, float, int]


def main() -> None:
    """Runs the cells that are missing, then writes the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", required=True, type=Path, help="store with a second speaker")
    parser.add_argument("--datasets", nargs="+", choices=DATASETS, default=list(DATASETS))
    parser.add_argument("--rates", type=float, nargs="+", default=list(RATES))
    parser.add_argument("--scenario", choices=("both", "test-only"), default="both")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--epochs", type=int, default=8, help="of students and teachers")
    parser.add_argument("--rows", nargs="+", choices=[*METHODS, *BASELINES], help="only these")
    parser.add_argument("--jobs", type=int, default=2, help="processes, one thread each")
    parser.add_argument("--out", default="runs/missing", help="folder of the run folders")
    parser.add_argument("--result", type=Path, help="the JSON file to write")
    arguments = parser.parse_args()
    if arguments.rows and arguments.result is None:
        parser.error("--rows makes part of the table: name its file with --result")
    labels = arguments.rows or [*METHODS, *BASELINES]
    grid = possible(arguments.datasets, arguments.rates)
    with ProcessPoolExecutor(arguments.jobs, mp_context=get_context("spawn")) as pool:
        cells = run_all(pool, arguments, grid, labels)
    one_commit(list(cells.values()))
    result = describe(arguments, grid, labels, cells)
    name = "missing.json" if arguments.scenario == "both" else f"missing-{arguments.scenario}.json"
    path = arguments.result or HERE / "results" / name
    write(result, path)
    for dataset in grid:
        print(f"\n{dataset}\n\n{missing_table(result, dataset)}")
    print(f"\nwritten to {path}")


def possible(datasets: Sequence[str], rates: Sequence[float]) -> dict[str, list[float]]:
    """The rates that exist for each dataset: every sample keeps one modality."""
    grid: dict[str, list[float]] = {}
    for dataset in datasets:
        names = list(load_recipe(dataset).encoders)
        grid[dataset] = []
        for rate in rates:
            try:
                check_rate(rate, names)
            except UserError as error:
                print(f"{dataset} at {rate:g} does not exist: {error}", flush=True)
            else:
                grid[dataset].append(rate)
    return grid


def changes(arguments: argparse.Namespace, rate: float, seed: int) -> list[tuple[str, Any]]:
    """What makes a cell out of the recipe."""
    masked = {"rate": rate, "scenario": arguments.scenario}
    return [
        ("data.root", str(arguments.data.resolve())),
        ("seed", seed),
        ("training.epochs", arguments.epochs),
        *([("missing", masked)] if rate else []),
    ]


def run_all(
    pool: ProcessPoolExecutor,
    arguments: argparse.Namespace,
    grid: dict[str, list[float]],
    labels: Sequence[str],
) -> dict[Cell, dict[str, Any]]:
    """Teachers first: the cells of one mask and seed share them."""
    places = [
        (d, rate, seed) for d, rates in grid.items() for rate in rates for seed in arguments.seeds
    ]
    taught = {
        pool.submit(teach_cell, d, changes(arguments, rate, seed), arguments.out): (d, rate, seed)
        for d, rate, seed in places
    }
    jobs: dict[Future[dict[str, Any]], Cell] = {}
    for done in as_completed(taught):
        done.result()
        dataset, rate, seed = taught[done]
        setting = changes(arguments, rate, seed)
        for label in labels:
            if label in METHODS:
                job = pool.submit(
                    run_cell, dataset, [*setting, ("method", METHODS[label])], arguments.out
                )
            else:
                job = pool.submit(impute_cell, dataset, setting, label, arguments.out)
            jobs[job] = (dataset, label, rate, seed)
    cells: dict[Cell, dict[str, Any]] = {}
    for job in as_completed(jobs):
        cell = jobs[job]
        cells[cell] = job.result()
        dataset, label, rate, seed = cell
        fused = cells[cell]["test"]["accuracy"]["fused"]
        print(
            f"[{len(cells)}/{len(jobs)}] {dataset}, {label}, missing {rate:g}, seed {seed}: "
            f"{fused:.4f}",
            flush=True,
        )
    return cells


def describe(
    arguments: argparse.Namespace,
    grid: dict[str, list[float]],
    labels: Sequence[str],
    cells: dict[Cell, dict[str, Any]],
) -> dict[str, Any]:
    """The committed form: means and deviations over seeds."""

    def row(dataset: str, label: str, rate: float) -> dict[str, Any]:
        own = [cells[dataset, label, rate, seed] for seed in arguments.seeds]
        patterns = own[0]["test"].get("patterns", {})
        return {
            **summarise(own),
            **({"options": own[0]["options"]} if "options" in own[0] else {}),
            "patterns": {
                name: {
                    "n": values["n"],
                    "accuracy": summary([c["test"]["patterns"][name]["accuracy"] for c in own]),
                }
                for name, values in patterns.items()
            },
        }

    command = f"python benchmarks/missing.py --data DATA --scenario {arguments.scenario} "
    command += f"--epochs {arguments.epochs} --seeds {' '.join(map(str, arguments.seeds))}"
    return {
        "command": command,
        **about_data(arguments.data),
        "protocol": "masks with seed 0; best epoch on val, masked as train; test once, all samples",
        "tuning": "none: the defaults of every method; equal epochs and learning rate, but for the "
        "baselines on teachers' features, which have their own",
        "scenario": arguments.scenario,
        "epochs": arguments.epochs,
        "rates": arguments.rates,
        "seeds": arguments.seeds,
        "environment": next(iter(cells.values()))["environment"],
        "datasets": {
            dataset: {
                "rows": {
                    label: {f"{rate:g}": row(dataset, label, rate) for rate in rates}
                    for label in labels
                }
            }
            for dataset, rates in grid.items()
        },
    }


if __name__ == "__main__":
    main()
