"""A grid written for so many epochs, trained for fewer or more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

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


def _scaled(key: str, value: Any, factor: float) -> Any:
    if key in {"training.epochs", "teachers.epochs"}:
        return max(1, round(value * factor)) if _is_count(value) else value
    if key == "method.schedule" and isinstance(value, list | tuple):
        return _schedule(value, factor) if value and all(map(_is_count, value)) else value
    if key == "method.schedule" and isinstance(value, Mapping):
        order = [stage for stage in ("alone", "together") if stage in value]
        if order and all(_is_count(value[stage]) for stage in order):
            scaled = _schedule([value[stage] for stage in order], factor)
            return {**value, **dict(zip(order, scaled, strict=True))}
    return value


def _is_count(value: Any) -> bool:
    """Anything else is no number of epochs, which the recipe's own check says better."""
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
