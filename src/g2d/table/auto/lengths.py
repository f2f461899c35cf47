"""How long candidates train: by the number of steps, and until validation stops improving."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

from g2d.recipes.recipe import Recipe
from g2d.recipes.settings import training_settings

# Optimizer steps at most where the table is small, and steps without improvement that end training.
_MOST_STEPS, _PATIENT_STEPS = 2000, 250
# The same in epochs, at least and at most: with fewer, a large table is seen too rarely.
_LEAST_EPOCHS, _MOST_EPOCHS, _LEAST_PATIENCE = 20, 200, 5


@dataclass(frozen=True)
class Length:
    """How long a run may be.

    Attributes:
        epochs: At most.
        patience: Epochs without improvement on validation that end it.
    """

    epochs: int
    patience: int


def length_for(rows: int, batch_size: int) -> Length:
    """The length for so many training rows: a small table needs more epochs for as many steps.

    Example:
        >>> length_for(300, 16), length_for(100_000, 32)
        (Length(epochs=106, patience=14), Length(epochs=20, patience=5))
    """
    steps = math.ceil(rows / batch_size)
    epochs = max(_LEAST_EPOCHS, min(_MOST_EPOCHS, math.ceil(_MOST_STEPS / steps)))
    patience = max(_LEAST_PATIENCE, min(epochs, math.ceil(_PATIENT_STEPS / steps)))
    return Length(epochs, patience)


def with_length(recipe: Recipe, length: Length) -> Recipe:
    """The recipe with the length of training filled in where it is not given.

    The learning rate falls once validation has not improved for half of the patience, so that
    every run is also trained at a low rate before it ends.
    """
    given: dict[str, Any] = {
        "epochs": length.epochs,
        "patience": length.patience,
        "lr_schedule": "plateau",
        "lr_patience": max(1, length.patience // 2),
    }
    if "epochs" in recipe.training:  # then that is how long
        given = {}
    return replace(recipe, training={**given, **recipe.training})


def shortened(recipe: Recipe, epochs: int) -> Recipe:
    """A recipe with fewer epochs, teachers included."""
    teachers = {key: value for key, value in recipe.teachers.items() if key != "epochs"}
    epochs = min(epochs, training_settings(recipe).epochs)
    return replace(recipe, training={**recipe.training, "epochs": epochs}, teachers=teachers)
