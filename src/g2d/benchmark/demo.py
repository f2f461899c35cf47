"""The demonstration's runs: joint training and G²D on AV-Digits, with shared teachers."""

from __future__ import annotations

from pathlib import Path

from g2d.recipes.build import build_splits
from g2d.recipes.recipe import load_recipe
from g2d.recipes.settings import training_settings
from g2d.runs.train import train


def run_demo(out: Path, seed: int = 0, epochs: int | None = None) -> list[Path]:
    """Trains both students for the same epochs; finished parts are not done again.

    Args:
        out: Folder of the runs, teachers and caches.
        seed: Of weights and order.
        epochs: Of teachers and students alike; the recipe's when not given.

    Returns:
        The run folders of joint training and of G²D.
    """
    changes = [("seed", seed)] + ([("training.epochs", epochs)] if epochs is not None else [])
    recipe = load_recipe("avdigits", changes)
    splits = build_splits(recipe)
    fabric = training_settings(recipe).make_fabric()
    name = "avdigits-{}-seed{}-epochs{}"
    total = training_settings(recipe).epochs
    return [
        train(
            recipe.with_method(method),
            out,
            resume=True,
            name=name.format(method, seed, total),
            splits=splits,
            fabric=fabric,
        )
        for method in ("joint", "g2d")
    ]
