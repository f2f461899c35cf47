"""`g2d compare`: a grid of runs, and the table they make."""

from __future__ import annotations

import argparse
import shlex
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from g2d.cli.command import Command, add_trust_argument
from g2d.errors import UserError

if TYPE_CHECKING:
    from g2d.benchmark.compare.cell import Cell
    from g2d.benchmark.compare.grid import Grid
    from g2d.benchmark.compare.launchers.running import Launcher, Watch
    from g2d.benchmark.compare.record import GridRecord
    from g2d.runs.trust import Trust

_PRINTED = (
    "its rows of G²D have the paper's loss with Eq. 2 as it is printed, and stages (--as printed); "
    "--as paper, --as released and --as default have another"
)


def configure(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument("grid", help="a shipped grid, such as table4, or a .yaml file")
    parser.add_argument(
        "--on",
        nargs="+",
        metavar="RECIPE[=DIR]",
        help="on these data instead: recipes, each with the folder of its prepared data",
    )
    parser.add_argument(
        "--as",
        dest="reading",
        choices=("printed", "paper", "released", "default"),
        help="printed (when not given): the grid as written, where G²D has the paper's loss with "
        "Eq. 2 as it is printed, and stages; paper: every row with the paper's options; released: "
        "with those of the released code; default: with g2d's defaults",
    )
    parser.add_argument("--seeds", nargs="+", type=int, help="in place of the grid's")
    parser.add_argument("--epochs", type=int, help="of training; schedules keep their shares")
    add_launcher_arguments(parser)
    parser.add_argument(
        "--out", type=Path, default=Path("runs"), help="folder of run folders (default: runs)"
    )
    parser.add_argument("--name", help="of the table; the grid's own when not given")
    parser.add_argument(
        "--show", action="store_true", help="print the table as far as it is, and run nothing"
    )
    add_trust_argument(parser)
    parser.usage = "%(prog)s GRID [options] [--key.of.recipe VALUE ...]"


def add_launcher_arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of every command that runs many jobs."""
    parser.add_argument(
        "--jobs", type=int, help="at a time (default: 1 on this machine, all on a cluster)"
    )
    parser.add_argument(
        "--launcher",
        choices=("local", "slurm", "ray"),
        default="local",
        help="where jobs run (default: local); --slurm.partition, .time, .memory, .cpus, .gpus "
        "and --ray.address, .cpus, .gpus set how",
    )


def chosen_grid(arguments: argparse.Namespace, changes: Sequence[tuple[str, Any]]) -> Grid:
    """The grid with what the command line changes in it."""
    from dataclasses import replace

    from g2d.benchmark.compare.reading import read_grid
    from g2d.engine.names import check_file_name
    from g2d.recipes.recipe import check_seed

    grid = read_grid(arguments.grid)
    if arguments.reading is not None:
        grid = grid.read_as(arguments.reading)
    if arguments.name is not None:
        grid = replace(grid, name=arguments.name)
    check_file_name(grid.name, "--name")
    for seed in arguments.seeds or ():
        check_seed(seed, "--seeds")
    if arguments.on:
        grid = grid.on([_data(text) for text in arguments.on])
    if arguments.seeds:
        grid = replace(grid, seeds=tuple(dict.fromkeys(arguments.seeds)))
    if arguments.epochs is not None:
        grid = grid.with_epochs(arguments.epochs)
    return grid.with_changes(changes)


def run(arguments: argparse.Namespace, changes: list[str]) -> None:
    """Runs what is not done, then shows the table."""
    from g2d.benchmark.compare.checking import check_grid
    from g2d.benchmark.compare.jobs import plan_jobs
    from g2d.benchmark.compare.launchers.launching import take_options
    from g2d.benchmark.compare.launchers.running import run_jobs
    from g2d.benchmark.compare.record import record_of, superseded
    from g2d.recipes.recipe import parse_changes
    from g2d.runs.trust import named_by

    if arguments.show:
        _show(_recorded(arguments, changes), arguments.out, arguments.trust)
        return
    options, rest = take_options(parse_changes(changes), arguments.launcher)
    grid = chosen_grid(arguments, rest)
    cells = grid.cells()
    for reason in (left_out := grid.left_out()):
        print(f"left out: {reason}", file=sys.stderr)
    if not cells:
        raise UserError(f"grid {grid.name}: nothing of it can be run on these data")
    check_grid(grid, cells)
    if arguments.reading is None and _has_printed_rows(grid, cells):
        print(_PRINTED, file=sys.stderr)
    record = record_of(grid, cells, "g2d " + shlex.join(sys.argv[1:]), left_out)
    jobs = plan_jobs(cells, arguments.out)
    launcher, watch = place(arguments, arguments.out, options)
    for line in superseded(record, arguments.out):
        print(line, file=sys.stderr)
    record.write(arguments.out)
    if jobs:
        done = len({cell.name for cell in cells}) - sum(not job.teaches for job in jobs)
        run_jobs(jobs, launcher, watch, done)
    trust = arguments.trust or named_by(cell.recipe for cell in cells)
    _show(record, arguments.out, trust)


def _has_printed_rows(grid: Grid, cells: Sequence[Cell]) -> bool:
    """Whether it is one of the paper's, with rows of G²D that have the preset `printed`."""
    of_paper = grid.paper is not None or grid.figure is not None
    methods = [cell.recipe.method for cell in cells]
    return of_paper and any(
        not isinstance(method, str) and method.get("preset") == "printed" for method in methods
    )


def _show(record: GridRecord, out: Path, trust: Trust) -> None:
    """The table of a grid, or its figures where it is there for them."""
    from g2d.cli.figures import show_figures
    from g2d.cli.tables import show_grid

    if record.figure is None:
        show_grid(record, out)
    else:
        show_figures(record, out, trust)


def _recorded(arguments: argparse.Namespace, changes: list[str]) -> GridRecord:
    """The grid as it was run last in this folder."""
    from g2d.benchmark.compare.record import read_record
    from g2d.engine.names import check_file_name

    name = Path(arguments.grid).stem if arguments.name is None else arguments.name
    if arguments.reading not in (None, "printed") and arguments.name is None:
        name = f"{name}-{arguments.reading}"
    check_file_name(name, "--name")
    if changes or arguments.on or arguments.seeds or arguments.epochs:
        raise UserError("--show prints the grid as it was run; leave out what would change it")
    path = arguments.out / "grids" / f"{name}.json"
    if not path.is_file():
        raise UserError(f"{arguments.out} holds no table of {name!r}; run it first, without --show")
    return read_record(path)


def place(
    arguments: argparse.Namespace, out: Path, options: Mapping[str, Any]
) -> tuple[Launcher, Watch]:
    """Where jobs run, and who watches: a view on a terminal, lines elsewhere."""
    from g2d.benchmark.compare.launchers.launching import make_launcher
    from g2d.benchmark.compare.launchers.lines import Lines
    from g2d.benchmark.compare.launchers.live import Live

    terminal = sys.stderr.isatty()
    launcher = make_launcher(arguments.launcher, out, arguments.jobs, options, apart=terminal)
    if terminal:
        return launcher, Live(sys.stderr)
    return launcher, Lines(lambda line: print(line, file=sys.stderr, flush=True))


def _data(text: str) -> tuple[str, str | None]:
    name, equals, root = text.partition("=")
    return name, (root if equals else None)


COMMAND = Command(
    name="compare",
    summary="Train a grid of methods, data and seeds, and print its table.",
    example=(
        "  g2d compare table4 --on avdigits --epochs 10 --jobs 2\n"
        "  g2d compare table4 --show\n"
        "  g2d compare table4 --as released --on avmnist=DIR\n"
        "  g2d compare table1 --on avmnist=DIR cremad=DIR --seeds 0 1 2 --out evidence"
    ),
    configure=configure,
    run=run,
    takes_changes=True,
)
