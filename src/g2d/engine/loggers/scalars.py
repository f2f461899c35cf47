"""What every logger writes of an epoch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

# Writes the scalars of an epoch, by their tags.
Write = Callable[[Mapping[str, float], int], None]


def scalars(record: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of an epoch's record, by the tags that all loggers use.

    Example:
        >>> losses = {"fused": 0.9, "left": 1.4}
        >>> found = scalars({"learning_rate": 0.1, "train": {"loss": 2.0}, "val": {"loss": losses}})
        >>> list(found)
        ['train/loss', 'learning_rate', 'val/loss/fused', 'val/loss/left']
        >>> found["val/loss/left"]
        1.4
    """
    validation = {
        f"val/{metric}/{name}": value
        for metric, values in record["val"].items()
        for name, value in values.items()
    }
    return {
        "train/loss": record["train"]["loss"],
        "learning_rate": record["learning_rate"],
        **validation,
    }
