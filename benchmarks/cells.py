"""Cells of an accuracy table: one run folder each, done once, found again by its recipe."""

from __future__ import annotations

import json
import statistics
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Changes = Sequence[tuple[str, Any]]


def run_cell(dataset: str, changes: Changes, out: str) -> dict[str, Any]:
    """Trains one cell, or finds it done; returns its result."""
    import torch

    from g2d.recipes.recipe import digest, load_recipe
    from g2d.runs.train import train

    torch.set_num_threads(1)
    recipe = load_recipe(dataset, list(changes))
    folder = train(recipe, Path(out), resume=True, name=f"{digest(recipe.as_dict())}")
    return read_result(folder)


def teach_cell(dataset: str, changes: Changes, out: str) -> dict[str, dict[str, Any]]:
    """Trains the teachers of one seed, or finds them done; returns their results."""
    import torch

    from g2d.recipes.experiment import resolve_teaching
    from g2d.recipes.recipe import load_recipe
    from g2d.runs.places import teacher_folder
    from g2d.runs.teach import teach

    torch.set_num_threads(1)
    recipe = load_recipe(dataset, list(changes))
    teaching = resolve_teaching(recipe)
    teach(teaching, Path(out), teaching.settings.make_fabric())
    folders = {m: teacher_folder(teaching, m, Path(out)) for m in teaching.models.encoders}
    return {modality: read_result(folder) for modality, folder in folders.items()}


def read_result(folder: Path) -> dict[str, Any]:
    """A run's result, and what it was made with."""
    about = json.loads((folder / "run.json").read_text())
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return {**result, "environment": about["environment"]}


def one_commit(cells: Sequence[dict[str, Any]]) -> None:
    """Ends the benchmark where the cells were not made by the same code."""
    commits = sorted({str(cell["environment"]["commit"]) for cell in cells})
    if len(commits) > 1:
        print(
            f"the cells come from different code ({', '.join(commits)}); begin with another --out"
        )
        raise SystemExit(1)


def summary(values: list[float]) -> dict[str, Any]:
    """Mean and standard deviation over seeds, and the values themselves."""
    return {
        "mean": statistics.mean(values),
        "std": statistics.stdev(values) if len(values) > 1 else None,
        "values": values,
    }


def summarise(
    cells: Sequence[dict[str, Any]], metrics: Sequence[str] = ("accuracy",)
) -> dict[str, Any]:
    """One row of the table from its cells, one a seed."""
    measured = {
        metric: {
            split: {
                name: summary([cell[split][metric][name] for cell in cells])
                for name in cells[0][split][metric]
            }
            for split in ("val", "test")
        }
        for metric in metrics
    }
    return {
        **measured,
        "seconds": summary([cell["seconds"] for cell in cells]),
        "best_epoch": [cell["best_epoch"] for cell in cells],
    }


def summarise_teachers(taught: Sequence[dict[str, dict[str, Any]]]) -> dict[str, Any]:
    """Accuracy and confidence of every modality's teacher, from its cells, one a seed."""
    return {
        name: {
            split: summary([seed[name][split]["accuracy"]["fused"] for seed in taught])
            for split in ("train", "val", "test")
        }
        | {
            f"confidence_{split}": summary(
                [seed[name][split]["confidence"]["fused"] for seed in taught]
            )
            for split in ("train", "val")
        }
        for name in taught[0]
    }


def about_data(
    data: Path,
    sources: str = "--images DIR --speech DIR",
    options: Sequence[str] = ("snr_db", "image_energy", "seed"),
) -> dict[str, Any]:
    """The store that was used, and the command that makes it."""
    manifest = json.loads((data / "manifest.json").read_text())
    return {
        "prepared_by": f"g2d data prepare {manifest['kind']} {sources} --out DIR "
        + " ".join(f"--{key.replace('_', '-')} {manifest['options'][key]}" for key in options)
        + (" --second-speaker" if manifest["options"].get("second_speaker") else ""),
        "dataset": {key: manifest[key] for key in ("fingerprint", "options", "counts")},
    }


def write(result: dict[str, Any], path: Path) -> None:
    """The committed form."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
