"""Cells of the baselines that restore or do without missing modalities, on teachers' features."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from cells import Changes, read_result

# The labels of the rows.
BASELINES = ("CRA", "MMIN", "CPM-Nets", "TATE")
# A third of the usual epochs for the two that would take most of the benchmark's time.
SHORTER: dict[str, dict[str, Any]] = {
    "MMIN": {"teacher_epochs": 10, "epochs": 20},
    "TATE": {"teacher_epochs": 5, "epochs": 5, "batch_size": 128},
}


def impute_cell(dataset: str, changes: Changes, label: str, out: str) -> dict[str, Any]:
    """Fits one baseline to the features of a seed's teachers, or finds it done."""
    import torch

    from g2d.benchmark.compare.impute import impute
    from g2d.recipes.recipe import digest, load_recipe

    torch.set_num_threads(1)
    recipe = load_recipe(dataset, list(changes))
    name = f"{label}-{digest(recipe.as_dict())}"
    baseline = {"name": label, **SHORTER.get(label, {})}
    return read_result(impute(recipe, Path(out), name=name, baseline=baseline))
