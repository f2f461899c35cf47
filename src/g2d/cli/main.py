"""`g2d`: finds the command, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import logging
import signal
import sys
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NoReturn

import g2d
from g2d.cli import (
    analyse,
    compare,
    data,
    demo,
    diagnose,
    ensemble,
    evaluate,
    export,
    grids,
    methods,
    predict,
    recipes,
    report,
    serve,
    teach,
    train,
    tune,
)
from g2d.cli.command import Command
from g2d.errors import UserError

COMMANDS: tuple[Command, ...] = (
    demo.COMMAND,
    train.COMMAND,
    teach.COMMAND,
    evaluate.COMMAND,
    predict.COMMAND,
    ensemble.COMMAND,
    export.COMMAND,
    diagnose.COMMAND,
    compare.COMMAND,
    tune.COMMAND,
    report.COMMAND,
    analyse.COMMAND,
    serve.COMMAND,
    methods.COMMAND,
    recipes.COMMAND,
    grids.COMMAND,
    data.COMMAND,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0 only where the job was done.

    Args:
        argv: The arguments, those of the process when not given.
    """
    parser = _parser()
    rest, dotted = _take_changes(sys.argv[1:] if argv is None else argv)
    arguments, changes = parser.parse_known_args(rest)
    changes += dotted
    command: Command | None = getattr(arguments, "command", None)
    if command is None:
        parser.print_help()
        return 2
    if changes and not command.takes_changes:
        said = f"unexpected argument {changes[0]!r}; see g2d {command.name} --help"
        print(f"g2d {command.name}: {said}", file=sys.stderr)
        return 2
    _set_up_logging(arguments.verbose or arguments.debug)
    try:
        with _terminated_as_interrupted():
            command.run(arguments, changes)
    except UserError as error:
        if arguments.debug:
            raise
        print(f"g2d {command.name}: {error}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt as stop:
        print(f"g2d {command.name}: stopped{_ONWARDS.get(command.name, '')}", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, _Terminated) else signal.SIGINT)
    except BrokenPipeError:
        return 0
    except OSError as error:
        if arguments.debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(f"g2d {command.name}: {where}{error.strerror or error}", file=sys.stderr)
        return 2
    return 0


class _Terminated(KeyboardInterrupt):
    """Somebody asked the process to end, as Ctrl-C does."""


@contextmanager
def _terminated_as_interrupted() -> Iterator[None]:
    """Ends a command at SIGTERM as at SIGINT: locks are given back, other processes are ended."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def end(number: int, frame: object) -> NoReturn:
        raise _Terminated

    before = signal.signal(signal.SIGTERM, end)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


_ONWARDS = {
    "train": "; the same command with --resume goes on from here",
    "teach": "; the same command goes on from here",
    "demo": "; the same command goes on from here",
    "diagnose": "; the same command goes on from here",
    "tune": "; the same command goes on from here",
    "compare": "; the same command goes on from here",
    "data": "; the same command goes on from here",
}


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line; `--help` has the rest."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help\n")


def _take_changes(argv: Sequence[str]) -> tuple[list[str], list[str]]:
    """Takes `--key.of.recipe VALUE` out, wherever it stands: argparse would read VALUE as RECIPE.

    Example:
        >>> _take_changes(["train", "--training.epochs", "2", "avdigits", "--seed", "1"])
        (['train', 'avdigits', '--seed', '1'], ['--training.epochs', '2'])
    """
    rest: list[str] = []
    changes: list[str] = []
    waiting = list(argv)
    while waiting:
        argument = waiting.pop(0)
        key, equals, _ = argument.partition("=")
        if not (key.startswith("--") and "." in key):
            rest.append(argument)
            continue
        changes.append(argument)
        if not equals and waiting and not waiting[0].startswith("--"):
            changes.append(waiting.pop(0))
    return rest, changes


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(
        prog="g2d",
        description="Multimodal training in which no modality suppresses the others.",
        epilog="example: g2d demo",
    )
    parser.add_argument("--version", action="version", version=f"g2d {g2d.__version__}")
    groups = parser.add_subparsers(title="commands", metavar="COMMAND")
    for command in COMMANDS:
        below = groups.add_parser(
            command.name,
            help=command.summary,
            description=command.summary,
            epilog=f"example:\n{command.example}",
            formatter_class=argparse.RawDescriptionHelpFormatter,
            allow_abbrev=False,
        )
        below.add_argument("--verbose", action="store_true", help="one log line an epoch")
        below.add_argument("--debug", action="store_true", help="show the trace of an error")
        command.configure(below)
        below.set_defaults(command=command)
    return parser


def _set_up_logging(verbose: bool) -> None:
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s" if verbose else "%(levelname)s: %(message)s",
        stream=sys.stderr,
        force=True,
    )
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if not verbose:
        warnings.simplefilter("ignore", FutureWarning)


if __name__ == "__main__":
    sys.exit(main())
