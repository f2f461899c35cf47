"""What is tuned: a range or a choice for each dotted key of the recipe."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError, require
from g2d.recipes.plain_yaml import read_yaml_of

Range = Mapping[str, Any] | list[Any]


@dataclass(frozen=True)
class Space:
    """The ranges to be tuned, by dotted key.

    Attributes:
        shared: Of every method, in order.
        methods: Each method's own, beside the shared.
        name: Of the file, for messages.
    """

    shared: Mapping[str, Range]
    methods: Mapping[str, Mapping[str, Range]]
    name: str = "built-in"

    def of(self, method: str) -> dict[str, Range]:
        """The ranges for a method; `joint+smp` has those of `joint`."""
        own = self.methods.get(method, self.methods.get(method.partition("+")[0], {}))
        return {**self.shared, **own}


def read_space(name: str = "built-in") -> Space:
    """The built-in space, or one of a file.

    ```yaml
    shared: {training.learning_rate: {low: 0.001, high: 0.1, log: true}}
    methods: {g2d: {method.alpha: {low: 0.1, high: 10.0, log: true}}}
    ```

    A range of whole numbers is one of whole numbers; a list is a choice.

    Raises:
        UserError: There is no such file, or something in it is no range or not for tuning.

    Example:
        >>> list(read_space().of("umt"))
        ['training.learning_rate', 'training.weight_decay', 'method.weight']
    """
    if name == "built-in":
        text = (files("g2d.benchmark.compare.tuning") / "space.yaml").read_text(encoding="utf-8")
    elif Path(name).is_file():
        try:
            text = Path(name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            raise UserError(f"{name} is not a text file; expected a space in YAML") from None
    else:
        raise UserError(f"there is no space file {name}; give a .yaml file, or built-in")
    return space_from(read_yaml_of(name, text), name)


def space_from(content: Any, name: str) -> Space:
    """A space from plain values.

    Raises:
        UserError: A key is unknown, or something is no range.
    """
    if not isinstance(content, Mapping) or not set(content) <= {"shared", "methods"}:
        raise UserError(f"space {name}: expected the keys shared and methods")
    shared, methods = content.get("shared") or {}, content.get("methods") or {}
    if not isinstance(methods, Mapping):
        raise UserError(f"space {name}: methods: expected ranges by method, got {methods!r}")
    for where, ranges in [("shared", shared), *methods.items()]:
        if not isinstance(ranges, Mapping):
            raise UserError(f"space {name}: {where}: expected ranges by key, got {ranges!r}")
        for key, value in ranges.items():
            if reason := _not_for_tuning(key):
                raise UserError(f"space {name}: {where}.{key}: {reason}")
            _check(f"space {name}: {where}.{key}", value)
    return Space(dict(shared), dict(methods), name)


def _not_for_tuning(key: Any) -> str:
    """Why a key cannot be tuned; nothing where it can.

    Example:
        >>> _not_for_tuning("teachers.learning_rate")
        "this is not for tuning: all trials have the recipe's teachers"
        >>> _not_for_tuning("method.alpha")
        ''
    """
    first, _, rest = str(key).partition(".")
    if not isinstance(key, str) or first in {"data", "missing", "seed"}:
        return "this is not for tuning"
    if first == "teachers":
        return "this is not for tuning: all trials have the recipe's teachers"
    if first in {"method", "fusion"} and rest in {"", "name"}:
        return f"this is not for tuning: a space is of one {first}'s options"
    if key == "training.epochs":
        return "this is not for tuning: all trials are trained equally long"
    if first == "training" and rest not in (known := TrainingSettings.__dataclass_fields__):
        return f"no such setting; known: {', '.join(known)}"
    return ""


def _check(where: str, value: Any) -> None:
    if isinstance(value, list) and value:
        return
    if not isinstance(value, Mapping) or not {"low", "high"} <= set(value) <= {
        "low",
        "high",
        "log",
    }:
        raise UserError(f"{where}: expected low, high and perhaps log, or a list, got {value!r}")
    low, high, log = value["low"], value["high"], value.get("log", False)
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in (low, high))
    if not numbers or not isinstance(log, bool) or not low < high or (log and low <= 0):
        raise UserError(f"{where}: expected low < high, above 0 where log is true, got {value!r}")


def ends_near(value: Any, within: Range) -> str:
    """The ends of a range, where a number lies in its first or last twentieth; else nothing.

    What is best there may be better beyond.

    Example:
        >>> wide = {"low": 0.1, "high": 10.0, "log": True}
        >>> ends_near(0.11, wide), ends_near(1.0, wide), ends_near(2, {"low": 2, "high": 10})
        ('0.1 to 10', '', '2 to 10')
        >>> ends_near(16, [16, 32])
        ''
    """
    if isinstance(within, list):
        return ""
    ends = within["low"], within["high"]
    low, high, here = map(math.log, (*ends, value)) if within.get("log") else (*ends, value)
    inside = 0.05 < (here - low) / (high - low) < 0.95
    return "" if inside else f"{ends[0]:g} to {ends[1]:g}"


def distribution(value: Range) -> Any:
    """A range as Optuna has it."""
    optuna = require("optuna", "tune").distributions
    if isinstance(value, list):
        return optuna.CategoricalDistribution(value)
    low, high, log = value["low"], value["high"], value.get("log", False)
    if isinstance(low, int) and isinstance(high, int):
        return optuna.IntDistribution(low, high, log=log)
    return optuna.FloatDistribution(low, high, log=log)
