"""`method: auto` on tables of one's own, beside each of its candidates and scikit-learn.

For every data set and seed: `auto` with no budget; every candidate trained by itself under the same
recipe; linear model, SVM and gradient boosting on the same splits (`g2d.shallow`). Of a table
without a column of splits the seed also divides the rows. Test is measured once by every run. The
result is written after every seed, so that a run that is cut short says what it has.

    python benchmarks/own_data.py --root TABLES --images mnist --speech fsdd/recordings
    python benchmarks/own_data.py --only digits diabetes --seeds 0 1 2
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import own_tables
import torch
from cells import summary, write
from numpy.typing import NDArray
from own_tables import OwnTable

from g2d.analysis.scores import score_name, score_samples
from g2d.engine.records import read_predictions
from g2d.files import read_json
from g2d.models.encoders.embeddings import keep_embeddings
from g2d.recipes.build import build_splits
from g2d.recipes.completing import complete
from g2d.recipes.recipe import Recipe, recipe_from
from g2d.recipes.settings import training_settings
from g2d.runs.environment import environment
from g2d.runs.train import train
from g2d.shallow.floors import fit_floors
from g2d.table.auto.auto import LEADERBOARD, kept_recipe, train_auto
from g2d.table.auto.candidates import BOOSTING, LINEAR, candidates_of
from g2d.table.auto.lengths import length_for, with_length
from g2d.table.inspection.inspect import inspect_table
from g2d.tasks import Task

HERE = Path(__file__).parent
Floats = NDArray[np.float64]
# Rows of the ranking: what a person would have run instead; the last by `widedeep.py`.
RIVALS = ("auto", "best alone", "ensemble", "joint", "g2d", "linear", "svm", "boosting", "widedeep")
# The films of another table once more, which count once.
AGAIN = ("movies_anew", "movies_sentences")


def scores_of_run(folder: Path, task: Task) -> Floats:
    """What every test row adds to a run's score."""
    said = read_predictions(folder, "test")
    logits, target = (torch.from_numpy(np.asarray(said[k])) for k in ("logits/fused", "target"))
    return score_samples(task, logits, target)


def recipe_of(table: OwnTable, seed: int) -> Recipe:
    """What `g2d train TABLE --target COLUMN` trains, with this seed."""
    if table.modalities is None:
        content, _ = inspect_table(table.file, table.target)
    else:
        split = {"val": 0.15, "test": 0.15, "seed": seed}
        data = {"name": "table", "table": str(table.file), "target": table.target, "split": split}
        content = {
            "data": {**data, "modalities": table.modalities},
            "method": "auto",
            "training": {
                "batch_size": 32,
                "optimizer": "adamw",
                "learning_rate": 0.001,
                "weight_decay": 0.01,
            },
        }
    if "column" not in content["data"]["split"]:
        content["data"]["split"]["seed"] = seed
    return recipe_from({**content, "seed": seed})


@keep_embeddings()
def measure(table: OwnTable, seed: int, out: Path) -> dict[str, Any]:
    """Test scores of everybody on one seed, row by row and as means."""
    recipe = recipe_of(table, seed)
    out = out / f"seed{seed}"
    run = train_auto(recipe, out, resume=True)
    board = read_json(run / LEADERBOARD)
    splits = build_splits(recipe)
    task = splits.spec.task
    rows = {"auto": scores_of_run(run, task)}
    long = with_length(
        complete(recipe, splits.spec),
        length_for(len(splits.train), training_settings(recipe).batch_size),
    )
    for candidate in candidates_of(splits.spec):
        if candidate.kind in (LINEAR, BOOSTING):
            continue  # scikit-learn itself, below
        one = kept_recipe(long, candidate, splits)
        name = f"{splits.spec.name}-{candidate.key}"
        rows[candidate.name] = scores_of_run(train(one, out, resume=True, name=name), task)
    floors = fit_floors(splits)
    for name, said in floors.logits.items():
        rows[name] = score_samples(task, said["test"], splits.test.target)
    alone = {line["name"]: line["score"] for line in board["candidates"]}
    best = max((n for n in rows if n.endswith(" alone")), key=lambda name: alone[name])
    rows["best alone"] = rows[best]  # by the rows that compare, not by test
    shown = [n for n in ("linear", "svm", "boosting") if n in rows]
    return {
        "score": score_name(task),
        "test_rows": len(splits.test),
        "kept": board["kept"]["name"],
        "seconds": board["seconds"],
        "test": {name: float(values.mean()) for name, values in rows.items()},
        "auto_less": {name: difference(rows["auto"], rows[name]) for name in shown},
    }


def difference(one: Floats, other: Floats) -> list[float]:
    """The mean difference on the same rows, and its standard error."""
    lost = one - other
    return [float(lost.mean()), float(lost.std(ddof=1) / math.sqrt(len(lost)))]


def summarise(seeds: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    """Over seeds."""
    cells = list(seeds.values())
    names = [name for name in cells[0]["test"] if all(name in cell["test"] for cell in cells)]
    less = {}
    for name in cells[0]["auto_less"]:
        pairs = [cell["auto_less"][name] for cell in cells if name in cell["auto_less"]]
        mean = statistics.mean(pair[0] for pair in pairs)
        # rows of one split are the same for all seeds, so that seeds do not make the error smaller
        less[name] = [mean, statistics.mean(pair[1] for pair in pairs)]
    return {
        "score": cells[0]["score"],
        "test_rows": cells[0]["test_rows"],
        "kept": [cell["kept"] for cell in cells],
        "test": {name: summary([cell["test"][name] for cell in cells]) for name in names},
        "auto_less": less,
        "below": [name for name, (mean, error) in less.items() if mean < -error],
        "seconds": summary([cell["seconds"] for cell in cells]),
    }


def mean_ranks(data: Mapping[str, Mapping[str, Any]]) -> dict[str, float]:
    """The mean place of every rival over the data sets it is on, 1 the best; ties share a place.

    Trees are on no table with many classes.
    """
    places: dict[str, list[float]] = {name: [] for name in RIVALS}
    for table, found in data.items():
        if table in AGAIN:
            continue
        means = {n: found["test"][n]["mean"] for n in RIVALS if n in found["test"]}
        for name, mean in means.items():
            better = sum(other > mean + 1e-12 for other in means.values())
            same = sum(abs(other - mean) <= 1e-12 for other in means.values())
            places[name].append(better + (same + 1) / 2)
    return {name: statistics.mean(each) for name, each in places.items() if each}


def show(result: Mapping[str, Any]) -> None:
    """Prints the table, and says where a floor is above."""
    for name, found in result["data"].items():
        cells = [
            f"{rival} {100 * found['test'][rival]['mean']:.1f}"
            for rival in RIVALS
            if rival in found["test"]
        ]
        seeds = len(found["kept"])
        print(f"{name} ({found['score']}, {seeds} seeds): {', '.join(cells)}; kept {found['kept']}")
        if found["below"]:
            print(f"  BELOW by more than a standard error: {', '.join(found['below'])}")
    ranks = sorted(result["mean_rank"].items(), key=lambda pair: pair[1])
    print("mean rank:", ", ".join(f"{name} {place:.2f}" for name, place in ranks), flush=True)


def main() -> None:
    """Seed by seed, one data set after the other."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=Path, help="folder with leaves/ and movies/")
    parser.add_argument("--images", type=Path, help="MNIST, for avmnist")
    parser.add_argument("--speech", type=Path, help="the Free Spoken Digit Dataset, for avmnist")
    parser.add_argument("--sentences", type=Path, help="a sentence model, for movies_sentences")
    parser.add_argument(
        "--only", nargs="+", help="data sets; all that there is data for if not given"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--out", type=Path, default=Path("runs/own_data"))
    parser.add_argument("--result", type=Path, default=HERE / "results" / "own_data.json")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    made = arguments.out / "tables"
    tables = {
        "diabetes": own_tables.diabetes,
        "cancer": own_tables.cancer,
        "rare": own_tables.rare,
        "digits": own_tables.digits,
        "wine": own_tables.wine,
    }
    found = {name: make(made) for name, make in tables.items()}
    if arguments.root is not None:
        root = arguments.root
        found |= {"movies": own_tables.movies(root), "leaves": own_tables.leaves(root)}
        found["movies_anew"] = own_tables.movies_anew(made, root)
        if arguments.sentences is not None:
            model = arguments.sentences.resolve()
            found["movies_sentences"] = own_tables.movies_sentences(made, root, model)
    if arguments.images is not None and arguments.speech is not None:
        found["avmnist"] = own_tables.avmnist(made, arguments.images, arguments.speech)
    result: dict[str, Any] = {"data": {}, "seeds": {}}
    if arguments.result.exists():
        result = json.loads(arguments.result.read_text())
    for seed in arguments.seeds:
        for name, table in found.items():
            if arguments.only and name not in arguments.only:
                continue
            cells = result["seeds"].setdefault(name, {})
            if str(seed) not in cells:
                cells[str(seed)] = measure(table, seed, arguments.out / name)
            result["data"][name] = {"what": table.what, **summarise(cells)}
            result["mean_rank"] = mean_ranks(result["data"])
            result["environment"] = environment()
            write(result, arguments.result)
            show(result)


if __name__ == "__main__":
    main()
