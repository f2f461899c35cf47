"""Tuning: every method has the same number of trials, and none has seen the test split."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import fmean
from typing import Any

from g2d.compare.checking import fault
from g2d.compare.grid import Cell, Change
from g2d.compare.jobs import Job, Outcome, plan_jobs
from g2d.compare.space import Space, distribution
from g2d.engine.evaluate import FUSED
from g2d.engine.records import RunFolder, write_whole
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError, require
from g2d.experiment.build import build_splits
from g2d.experiment.recipe import Recipe, load_recipe, with_changes

# So many trials of a method are chosen before their results are known, whatever --jobs is.
ROUND = 4

Run = Callable[[Sequence[Job], int], Mapping[str, Outcome]]


@dataclass(frozen=True)
class Plan:
    """What is tuned, and how long.

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
        """What is compared: the mean over seeds."""
        return fmean(self.by_seed) if self.by_seed else None


@dataclass(frozen=True)
class Tuned:
    """What came of it.

    Attributes:
        metric: Of validation, that selects.
        higher_is_better: Of the metric.
        trials: By method, in order.
        record: The JSON file with all of it.
        grid: A grid file with the best setting of every method, for `g2d compare`.
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


def tune(plan: Plan, out: Path, run: Run, command: str = "") -> Tuned:
    """Tries settings of every method and writes down which was best on validation.

    Trials are run folders under `out/tuning/runs`, found again by what decides them: which trial
    comes next depends on the seed and on the results before it alone, so that a killed study,
    begun again, goes through the same trials and trains only those that are missing. The test
    split is withheld: it cannot be read while tuning, and no result there has a `test`. Teachers
    are those of the recipe as it is, one set for all trials.

    Args:
        plan: What is tuned.
        out: Folder of runs.
        run: Runs jobs; told how many runs were there already.
        command: That asked for it, for the record.

    Raises:
        UserError: The recipe, a method or a range cannot be used, or the data select on test.
    """
    optuna = require("optuna", "tune")
    base = load_recipe(plan.recipe, plan.changes)
    pinned = _pinned(base, plan.space)
    base = with_changes(base, pinned)
    for method in plan.methods:
        if reason := fault(with_changes(base, [("method", method)])):
            raise UserError(reason)
    task = build_splits(base).without_test().spec.task
    direction = "maximize" if task.higher_is_better else "minimize"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    studies = {method: optuna.create_study(direction=direction) for method in plan.methods}
    place = out / "tuning"
    tuned = Tuned(
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        trials={method: [] for method in plan.methods},
        record=place / f"{plan.label}.json",
        grid=place / f"{plan.label}-tuned.yaml",
    )
    for first in range(0, plan.trials, ROUND):
        cells = []
        for method, study in studies.items():
            for number in range(first, min(first + ROUND, plan.trials)):
                trial, own = _ask(plan, base, method, study, number)
                tuned.trials[method].append(trial)
                cells += own
        jobs = plan_jobs(cells, place / "runs", blind=True)
        done = len({cell.name for cell in cells}) - sum(not job.teaches for job in jobs)
        outcomes = run(jobs, done) if jobs else {}
        for method, study in studies.items():
            for trial in tuned.trials[method][first:]:
                _tell(study, trial, place / "runs", task.metric, outcomes)
        _write(plan, tuned, pinned, command, optuna.__version__)
    _write_grid(plan, tuned, pinned, command)
    return tuned


def _pinned(base: Recipe, space: Space) -> list[Change]:
    """Teachers keep the recipe's own settings where those of students are tuned."""
    pinned: list[Change] = []
    every = [*space.shared, *(key for own in space.methods.values() for key in own)]
    for key in dict.fromkeys(every):
        first, _, name = key.partition(".")
        if first == "training" and name not in base.teachers and f"teachers.{name}" not in every:
            usual = getattr(TrainingSettings(), name, None)
            pinned.append((f"teachers.{name}", base.training.get(name, usual)))
    return pinned


def _ask(
    plan: Plan, base: Recipe, method: str, study: Any, number: int
) -> tuple[Trial, list[Cell]]:
    """The next trial. A sampler begins anew with each, so that none depends on a session."""
    samplers = require("optuna", "tune").samplers
    study.sampler = samplers.TPESampler(seed=1_000_003 * plan.sampler_seed + number)
    ranges = plan.space.of(method)
    asked = study.ask({key: distribution(value) for key, value in ranges.items()})
    changes = {key: asked.params[key] for key in ranges}
    cells = [
        Cell({}, with_changes(base, [("method", method), *changes.items(), ("seed", seed)]))
        for seed in plan.seeds
    ]
    if reason := fault(cells[0].recipe):
        raise UserError(f"space {plan.space.name}: {reason}")
    return Trial(number, changes, tuple(cell.name for cell in cells), asked=asked), cells


def _tell(
    study: Any, trial: Trial, runs: Path, metric: str, outcomes: Mapping[str, Outcome]
) -> None:
    state = require("optuna", "tune").trial.TrialState
    unfinished = [name for name in trial.runs if not RunFolder(runs / name).finished]
    if unfinished:
        trial.reason = outcomes[unfinished[0]].reason
        study.tell(trial.asked, state=state.FAIL)
        return
    results = [RunFolder(runs / name).read_json("result.json") for name in trial.runs]
    trial.by_seed = tuple(result["val"][metric][FUSED] for result in results)
    study.tell(trial.asked, trial.value)


def _write(plan: Plan, tuned: Tuned, pinned: Sequence[Change], command: str, version: str) -> None:
    runs = tuned.record.parent / "runs"
    methods = {}
    for method, trials in tuned.trials.items():
        results = [
            RunFolder(runs / name).read_json("result.json")
            for trial in trials
            for name in trial.runs
            if RunFolder(runs / name).finished
        ]
        best = tuned.best(method)
        methods[method] = {
            "budget": {
                "trials": len(trials),
                "runs": sum(len(trial.runs) for trial in trials),
                "epochs": sum(result["epochs"] for result in results),
                "seconds": round(sum(result["seconds"] for result in results), 2),
            },
            "space": plan.space.of(method),
            "best": None if best is None else best.number,
            "trials": [
                {
                    **{"number": trial.number, "changes": trial.changes, "value": trial.value},
                    **{"by_seed": trial.by_seed, "runs": trial.runs, "reason": trial.reason},
                }
                for trial in trials
            ],
        }
    content = {
        **{"recipe": plan.recipe, "command": command, "changes": dict(plan.changes)},
        **{"selected_on": "val", "metric": tuned.metric, "seeds": plan.seeds},
        **{"higher_is_better": tuned.higher_is_better, "trials": plan.trials},
        **{"sampler": {"name": "TPE", "seed": plan.sampler_seed, "at_once": ROUND}},
        **{"optuna": version, "teachers": dict(pinned), "methods": methods},
    }
    tuned.record.parent.mkdir(parents=True, exist_ok=True)
    write_whole(tuned.record, json.dumps(content, indent=1, ensure_ascii=False) + "\n")


def _write_grid(plan: Plan, tuned: Tuned, pinned: Sequence[Change], command: str) -> None:
    """The best settings as a grid, trained anew there and measured on test for the first time."""
    yaml = require("yaml", "train")
    path = Path(plan.recipe)
    recipe = str(path.resolve()) if path.suffix in {".yaml", ".yml"} else plan.recipe
    best = {method: tuned.best(method) for method in plan.methods}
    content = {
        "title": f"Every method at its best of {plan.trials} trials on validation",
        "about": (
            f"Settings chosen by the validation {tuned.metric} of {plan.trials} trials, as many "
            f"for every method, with seeds {', '.join(map(str, plan.seeds))} "
            f"({command or 'g2d tune'})."
        ),
        "seeds": [0, 1, 2],
        "common": {**dict(plan.changes), **dict(pinned)},
        "axes": {
            "dataset": {plan.label: {"recipe": recipe}},
            "method": {
                method: {"method": method, **trial.changes}
                for method, trial in best.items()
                if trial is not None
            },
        },
    }
    text = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    write_whole(tuned.grid, text)
