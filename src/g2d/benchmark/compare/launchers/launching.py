"""Which launcher a command asks for, and its options."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from g2d.benchmark.compare.launchers.local import InThisProcess, Processes
from g2d.benchmark.compare.launchers.running import Launcher
from g2d.errors import UserError

LAUNCHERS = ("local", "slurm", "ray")


def take_options(
    changes: Sequence[tuple[str, Any]], launcher: str
) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Divides dotted keys into options of the launcher and changes of the recipe.

    Raises:
        UserError: An option is of another launcher.

    Example:
        >>> take_options([("slurm.time", 60), ("training.epochs", 2)], "slurm")
        ({'time': 60}, [('training.epochs', 2)])
    """
    options, rest = {}, []
    for key, value in changes:
        first, _, name = key.partition(".")
        if first not in LAUNCHERS[1:] or not name:
            rest.append((key, value))
        elif first != launcher:
            raise UserError(f"--{key}: an option of another launcher; add --launcher {first}")
        else:
            options[name] = value
    return options, rest


def make_launcher(
    name: str,
    out: Path,
    jobs: int | None,
    options: Mapping[str, Any],
    *,
    apart: bool = False,
) -> Launcher:
    """Builds the launcher of that name.

    Args:
        name: One of `LAUNCHERS`.
        out: Folder of the run folders.
        jobs: How many at a time; one on this machine, all on a cluster, where not given.
        options: Of the launcher.
        apart: Whether this process has other things to do than training, such as a live view.

    Raises:
        UserError: What it needs is not here, or an option is not known.
    """
    if jobs is not None and jobs < 1:
        raise UserError(f"--jobs: expected 1 or more, got {jobs}")
    if name == "slurm":
        from g2d.benchmark.compare.launchers.slurm import Slurm

        return Slurm(out, options, jobs)
    if name == "ray":
        from g2d.benchmark.compare.launchers.ray import Ray

        return Ray(options, jobs)
    return Processes(jobs or 1) if apart or (jobs or 1) > 1 else InThisProcess()
