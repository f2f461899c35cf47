"""Tuning: every method has the same number of trials, and none has seen the test split."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.cell import Cell
from g2d.benchmark.compare.checking import UNNAMED, fault
from g2d.benchmark.compare.grid import Change
from g2d.benchmark.compare.jobs import Job, Outcome, plan_jobs
from g2d.benchmark.compare.tuning.space import Space, distribution
from g2d.benchmark.compare.tuning.study import ROUND, Plan, Trial, Tuned
from g2d.benchmark.compare.tuning.study_files import write_grid, write_record
from g2d.engine.settings import TrainingSettings
from g2d.errors import UserError, require
from g2d.methods.validation import FUSED
from g2d.recipes.build import build_splits
from g2d.recipes.planning import check_method
from g2d.recipes.recipe import Recipe, load_recipe, with_changes
from g2d.runs.run import Run

RunJobs = Callable[[Sequence[Job], int], Mapping[str, Outcome]]


def tune(plan: Plan, out: Path, run: RunJobs, command: str = "") -> Tuned:
    """Tries settings of every method and writes down which was best on validation.

    Trials are run folders under `out/tuning/runs`, found again by what decides them: which trial
    comes next depends on the seed and on the results before it alone, so that a killed study,
    begun again, goes through the same trials and trains only those that are missing. The test
    split is withheld: it cannot be read while tuning, and no result there has a `test`. Teachers
    are those of the recipe as it is, one set for all trials. Where no trial succeeded no grid is
    written.

    Args:
        plan: What is tuned.
        out: Folder of runs.
        run: Runs jobs; is given how many runs were there already.
        command: That asked for it, for the record.

    Raises:
        UserError: The recipe, a method or a range cannot be used, or the data select on test.
    """
    optuna = require("optuna", "tune")
    _check_effect(plan)
    base = load_recipe(plan.recipe, plan.changes)
    pinned = _pinned(base, plan.space)
    base = with_changes(base, pinned)
    for method in plan.methods:
        reason = fault(with_changes(base, [("method", method)]))
        if reason == UNNAMED:
            raise UserError(
                f"{plan.recipe}: there is no folder of prepared data; name it: --data.root DIR "
                "(g2d data prepare makes one)"
            )
        if reason:
            raise UserError(reason)
    task = build_splits(base).without_test().spec.task
    direction = "maximize" if task.higher_is_better else "minimize"
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    studies = {method: optuna.create_study(direction=direction) for method in plan.methods}
    tuned = Tuned(
        metric=task.metric,
        higher_is_better=task.higher_is_better,
        trials={method: [] for method in plan.methods},
        record=plan.record(out),
        grid=plan.grid(out),
    )
    runs = tuned.record.parent / "runs"
    for first in range(0, plan.trials, ROUND):
        cells = []
        for method, study in studies.items():
            for number in range(first, min(first + ROUND, plan.trials)):
                trial, own = _ask(plan, base, method, study, number)
                tuned.trials[method].append(trial)
                cells += own
        jobs = plan_jobs(cells, runs, blind=True)
        done = len({cell.name for cell in cells}) - sum(not job.teaches for job in jobs)
        outcomes = run(jobs, done) if jobs else {}
        for method, study in studies.items():
            for trial in tuned.trials[method][first:]:
                _tell(study, trial, runs, task.metric, outcomes)
        write_record(plan, tuned, pinned, command, optuna.__version__)
    if tuned.succeeded:
        write_grid(plan, tuned, pinned, command)
    return tuned


def _check_effect(plan: Plan) -> None:
    """Refuses what no trial would have: a change that trials set anew, a range of no method.

    Raises:
        UserError: There is such a change, or such a range.
    """
    for method in plan.space.methods:
        try:
            check_method(method)
        except UserError as error:
            raise UserError(f"space {plan.space.name}: methods.{method}: {error}") from None
    tuned = {key for method in plan.methods for key in plan.space.of(method)}
    for key, value in plan.changes:
        first, _, name = key.partition(".")
        if key in tuned:
            others = f"; of teachers it is --teachers.{name}" if first == "training" else ""
            raise UserError(
                f"--{key} {value}: the space tunes it; leave it out, or give a --space FILE in "
                f"which it is {key}: [{value}]{others}"
            )
        if first == "method":
            raise UserError(
                f"--{key} {value}: a trial has the options of the space; give a --space FILE in "
                f"which, under methods, is {key}: [{value}]"
            )


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
    of_seeds = [Run(runs / name) for name in trial.runs]
    unfinished = [run for run in of_seeds if not run.finished]
    if unfinished:
        trial.reason = outcomes[unfinished[0].name].reason
        study.tell(trial.asked, state=state.FAIL)
        return
    trial.by_seed = tuple(run.result["val"][metric][FUSED] for run in of_seeds)
    study.tell(trial.asked, trial.value)
