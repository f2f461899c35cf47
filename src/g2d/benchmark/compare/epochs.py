"""A grid written for so many epochs, trained for fewer or more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from g2d.engine.settings import is_count
from g2d.recipes.recipe import Recipe

Change = tuple[str, Any]


def scaled(changes: Sequence[Change], factor: float) -> list[Change]:
    """Changes of a recipe with all epochs times a factor: those of training and of schedules.

    A stage that has epochs keeps at least one; a schedule ends with the training it was written
    for.

    Example:
        >>> scaled([("training.epochs", 300), ("method.schedule", [150, 150])], 0.01)
        [('training.epochs', 3), ('method.schedule', [2, 1])]
        >>> scaled([("method.schedule", [0, 150])], 0.1)
        [('method.schedule', [0, 15])]
        >>> scaled([("method.schedule", {"alone": 50, "together": 150})], 0.1)
        [('method.schedule', {'alone': 5, 'together': 15})]
    """
    if factor == 1.0:
        return list(changes)
    return [(key, _scaled(key, value, factor)) for key, value in changes]


def with_scaled_steps(recipe: Recipe, factor: float, asked: Sequence[Change]) -> Recipe:
    """The recipe with its `lr_steps` times a factor, those that are numbers of epochs.

    Args:
        recipe: Of a cell.
        factor: As for `scaled`.
        asked: Changes that the user gave; steps among them are not scaled.

    Example:
        >>> recipe = Recipe("cremad", training={"lr_steps": [200], "epochs": 30})
        >>> with_scaled_steps(recipe, 0.1, []).training["lr_steps"]
        [20]
    """
    keys = {key for key, _ in asked}
    for where in ("training", "teachers"):
        section = getattr(recipe, where)
        steps = section.get("lr_steps")
        if factor != 1.0 and isinstance(steps, list | tuple) and f"{where}.lr_steps" not in keys:
            new = [max(1, round(step * factor)) if _is_epochs(step) else step for step in steps]
            changed: dict[str, Any] = {where: {**section, "lr_steps": new}}
            recipe = replace(recipe, **changed)
    return recipe


def _is_epochs(step: Any) -> bool:
    return isinstance(step, int | float) and is_count(step)


def _scaled(key: str, value: Any, factor: float) -> Any:
    if key in {"training.epochs", "teachers.epochs"}:
        return max(1, round(value * factor)) if whole_number(value) else value
    if key == "method.schedule" and isinstance(value, list | tuple):
        return _schedule(value, factor) if value and all(map(whole_number, value)) else value
    if key == "method.schedule" and isinstance(value, Mapping):
        order = [stage for stage in ("alone", "together") if stage in value]
        if order and all(whole_number(value[stage]) for stage in order):
            scaled = _schedule([value[stage] for stage in order], factor)
            return {**value, **dict(zip(order, scaled, strict=True))}
    return value


def whole_number(value: Any) -> bool:
    """Whether it is one, 0 or more, and neither true nor false."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _schedule(stages: Sequence[int], factor: float) -> list[int]:
    total = max(1, round(sum(stages) * factor))
    scaled, before, end = [], 0, 0
    for position, stage in enumerate(stages):
        end += stage
        left = sum(1 for later in stages[position + 1 :] if later)
        last = min(max(before + bool(stage), round(end * factor)), total - left)
        scaled.append(max(0, last - before))
        before = max(before, last)
    return scaled
