"""`g2d tune`: the same number of trials for every method, judged on validation alone."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from g2d.cli.command import Command
from g2d.cli.compare import add_launcher_arguments, place
from g2d.cli.show import show_table
from g2d.errors import UserError

if TYPE_CHECKING:
    from g2d.benchmark.compare.jobs import Job, Outcome
    from g2d.benchmark.compare.tuning.study import Plan, Tuned


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("recipe", help="a shipped recipe (`g2d recipes ls`) or a .yaml file")
    parser.add_argument("--methods", nargs="+", required=True, help="of `g2d methods`")
    parser.add_argument("--trials", type=int, default=20, help="of each method (default: 20)")
    parser.add_argument(
        "--space", default="built-in", help="a .yaml file with ranges (default: built-in)"
    )
    parser.add_argument(
        "--seeds", nargs="+", type=int, default=[0], help="of every trial (default: 0)"
    )
    parser.add_argument(
        "--sampler-seed", type=int, default=0, help="of the choice of trials (default: 0)"
    )
    add_launcher_arguments(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder of run folders (default: runs)"
    )
    parser.usage = "%(prog)s RECIPE --methods M [M ...] [options] [--key.of.recipe VALUE ...]"


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Tunes, and shows what was best."""
    from g2d.benchmark.compare.launchers.launching import take_options
    from g2d.benchmark.compare.launchers.running import run_jobs
    from g2d.benchmark.compare.tuning.space import read_space
    from g2d.benchmark.compare.tuning.study import Plan
    from g2d.benchmark.compare.tuning.study_files import replaced
    from g2d.benchmark.compare.tuning.tuning import tune
    from g2d.recipes.recipe import check_seed, parse_changes

    if arguments.trials < 1:
        raise UserError(f"--trials: expected 1 or more, got {arguments.trials}")
    for seed in arguments.seeds:
        check_seed(seed, "--seeds")
    options, rest = take_options(parse_changes(changes), arguments.launcher)
    for key, value in rest:
        if key in {"seed", "method"}:
            raise UserError(f"--{key} {value}: several are tried; use --{key}s {value}")
    out = arguments.out / "tuning" / "runs"

    def on_the_spot(jobs: Sequence[Job], done: int) -> Mapping[str, Outcome]:
        launcher, watch = place(arguments, out, options)
        return run_jobs(jobs, launcher, watch, done)

    plan = Plan(
        recipe=arguments.recipe,
        methods=tuple(dict.fromkeys(arguments.methods)),
        space=read_space(arguments.space),
        trials=arguments.trials,
        seeds=tuple(dict.fromkeys(arguments.seeds)),
        sampler_seed=arguments.sampler_seed,
        changes=tuple(rest),
    )
    if before := replaced(plan, arguments.out):
        print(before, file=sys.stderr)
    tuned = tune(plan, arguments.out, on_the_spot, "g2d " + shlex.join(sys.argv[1:]))
    rows = []
    for method in plan.methods:
        best = tuned.best(method)
        failed = sum(bool(trial.reason) for trial in tuned.trials[method])
        tried = f"{plan.trials}, {failed} failed" if failed else str(plan.trials)
        if best is None:
            rows.append([method, tried, "-", f"failed: {tuned.trials[method][0].reason}"])
            continue
        chosen = ", ".join(f"{key} {_short(value)}" for key, value in best.changes.items())
        rows.append([method, tried, f"{best.value:.4f}", chosen])
    title = f"{plan.label}, best of {plan.trials} trials by validation {tuned.metric}"
    show_table(title, ["method", "trials", tuned.metric, "chosen"], rows)
    for line in _at_ends(plan, tuned):
        print(line)
    print(f"  record  {tuned.record}")
    if not tuned.succeeded:
        old = f"; {tuned.grid} is of a study before" if tuned.grid.exists() else ""
        raise UserError(f"no trial succeeded, and no grid of the best settings is written{old}")
    without = f", without {', '.join(tuned.failed)}" if tuned.failed else ""
    print(f"  grid    {tuned.grid}{without}")
    print(f"  test    g2d compare {tuned.grid} --out {arguments.out}")


def _at_ends(plan: Plan, tuned: Tuned) -> list[str]:
    """What was best at an end of its range, a line for each method."""
    from g2d.benchmark.compare.tuning.space import ends_near

    lines = []
    for method in tuned.succeeded:
        ranges, best = plan.space.of(method), tuned.best(method)
        found = [
            f"{key} {_short(value)} of {ends}"
            for key, value in (best.changes if best else {}).items()
            if (ends := ends_near(value, ranges[key]))
        ]
        if found:
            lines.append(
                f"  {method} is best at the end of a range ({'; '.join(found)}): better may lie "
                "beyond (--space FILE)"
            )
    return lines


def _short(value: object) -> str:
    """A setting in few digits.

    Example:
        >>> _short(0.012345), _short(3), _short("late")
        ('0.0123', '3', 'late')
    """
    return f"{value:.3g}" if isinstance(value, float) else str(value)


COMMAND = Command(
    name="tune",
    summary="Tune methods with the same budget each, on validation only.",
    example=(
        "  g2d tune avdigits --methods joint g2d --trials 8 --training.epochs 5\n"
        "  g2d tune avmnist --data.root DIR --methods joint ogm g2d --space my.yaml"
    ),
    configure=configure,
    run=run,
    takes_changes=True,
)
