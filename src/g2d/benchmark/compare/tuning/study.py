"""A study of tuning: its plan, its trials and its result."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from g2d.benchmark.compare.grid import Change
from g2d.benchmark.compare.tuning.space import Space

# So many trials of a method are chosen before their results are known, whatever --jobs is.
ROUND = 4


@dataclass(frozen=True)
class Plan:
    """The plan of a study: what is tuned, and for how long.

    Attributes:
        recipe: A shipped recipe, or the path of a YAML file.
        methods: Each has the same budget.
        space: What is tuned.
        trials: Of each method.
        seeds: Every trial is trained with each; its value is their mean.
        sampler_seed: Of the choice of trials.
        changes: Of the recipe, in all trials.
    """

    recipe: str
    methods: tuple[str, ...]
    space: Space
    trials: int = 20
    seeds: tuple[int, ...] = (0,)
    sampler_seed: int = 0
    changes: tuple[Change, ...] = ()

    @property
    def label(self) -> str:
        """The recipe's name, without its folder."""
        return Path(self.recipe).stem

    def record(self, out: Path) -> Path:
        """The JSON file of its study in a folder of runs."""
        return out / "tuning" / f"{self.label}.json"

    def grid(self, out: Path) -> Path:
        """The grid file with the best settings, beside it."""
        return out / "tuning" / f"{self.label}-tuned.yaml"


@dataclass
class Trial:
    """One setting of one method.

    Attributes:
        number: From 0, of its method.
        changes: What it sets in the recipe.
        runs: Names of its run folders, one a seed.
        by_seed: The validation metric of each; empty where one failed.
        reason: Why it failed, if it did.
    """

    number: int
    changes: dict[str, Any]
    runs: tuple[str, ...]
    by_seed: tuple[float, ...] = ()
    reason: str = ""
    asked: Any = field(default=None, repr=False)

    @property
    def value(self) -> float | None:
        """The value that is compared: the mean over seeds."""
        return fmean(self.by_seed) if self.by_seed else None


@dataclass(frozen=True)
class Tuned:
    """The result of a study.

    Attributes:
        metric: Of validation, that selects.
        higher_is_better: Of the metric.
        trials: By method, in order.
        record: The JSON file with all of it.
        grid: A grid file with the best setting of every method that has one, for `g2d compare`;
            not written where none has.
    """

    metric: str
    higher_is_better: bool
    trials: dict[str, list[Trial]]
    record: Path
    grid: Path

    def best(self, method: str) -> Trial | None:
        """The best trial of a method, the earliest of equals; `None` where all failed."""
        sign = 1 if self.higher_is_better else -1
        done = [trial for trial in self.trials[method] if trial.value is not None]
        return max(done, key=lambda trial: sign * (trial.value or 0.0), default=None)

    @property
    def succeeded(self) -> list[str]:
        """Methods of which a trial did."""
        return [method for method in self.trials if self.best(method) is not None]

    @property
    def failed(self) -> list[str]:
        """Methods all of whose trials failed."""
        return [method for method in self.trials if self.best(method) is None]
