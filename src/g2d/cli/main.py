"""`g2d`: finds the command, runs it, and prints in one line what went wrong."""

from __future__ import annotations

import argparse
import logging
import os
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
from g2d.errors import UnknownKeyError, UserError

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
    argv = sys.argv[1:] if argv is None else argv
    if list(argv[:1]) == ["doctor"]:
        print(f"g2d: {_DOCTOR}", file=sys.stderr)
        return 2
    rest, dotted = _take_changes(argv)
    arguments, changes = parser.parse_known_args(rest)
    changes += dotted
    command: Command | None = getattr(arguments, "command", None)
    if command is None:
        parser.print_help()
        return 2
    if changes and not command.takes_changes:
        message = f"unexpected argument {changes[0]!r}; see g2d {command.name} --help"
        print(f"g2d {command.name}: {_one_line(message)}", file=sys.stderr)
        return 2
    _set_up_logging(arguments.verbose or arguments.debug)
    # Read when torch is imported: DDP warns that it looks for parameters without a gradient.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    try:
        with _terminated_as_interrupted():
            command.run(arguments, changes)
    except UserError as error:
        if arguments.debug:
            raise
        print(f"g2d {command.name}: {_one_line(f'{error}{_meant(error)}')}", file=sys.stderr)
        return error.status
    except KeyboardInterrupt as stop:
        if _speaks():
            print(f"g2d {command.name}: stopped{_ONWARDS.get(command.name, '')}", file=sys.stderr)
        return 128 + (signal.SIGTERM if isinstance(stop, _Terminated) else signal.SIGINT)
    except BrokenPipeError:
        return 0
    except RuntimeError as error:
        from g2d.ranks import is_of_a_lost_process

        if arguments.debug or not is_of_a_lost_process(error):
            raise
        if _speaks():
            message = f"one of its processes has ended{_ONWARDS.get(command.name, '')}"
            print(f"g2d {command.name}: {message}", file=sys.stderr)
        # the threads of a lost connection cannot be joined: an orderly end aborts now and then
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(1)
    except OSError as error:
        if arguments.debug:
            raise
        where = f"{error.filename}: " if error.filename else ""
        print(
            f"g2d {command.name}: {_one_line(f'{where}{error.strerror or error}')}", file=sys.stderr
        )
        return 2
    return 0


def _one_line(message: object) -> str:
    r"""Escapes control characters, which names from other people may contain.

    Example:
        >>> _one_line("it has \x1b[2J")
        'it has \\x1b[2J'
    """
    return "".join(
        sign if sign.isprintable() else sign.encode("unicode_escape").decode()
        for sign in str(message)
    )


def _meant(error: UserError) -> str:
    """Which key of a recipe was probably meant, where one is unknown."""
    if not isinstance(error, UnknownKeyError):
        return ""
    from g2d.recipes.nearby import meant_key

    return meant_key(error)


def _speaks() -> bool:
    """Whether this process prints what all processes of a run know (without importing torch)."""
    return os.environ.get("LOCAL_RANK", "0") == "0"


class _Terminated(KeyboardInterrupt):
    """The process was asked to end, as by Ctrl-C."""


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


_DOCTOR = (
    "there is no command doctor; g2d.doctor(model, task) watches a training loop of your own "
    "(docs/doctor.md), and for a table there is g2d diagnose TABLE --target COLUMN"
)

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
    """Prints what is wrong in one line; `--help` has the rest."""

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
        epilog="examples:\n"
        "  g2d demo                                        what the methods change\n"
        "  g2d train data.csv --target price --out runs    a table of your own\n"
        "  g2d compare table4 --on avdigits                a table of the paper",
        formatter_class=argparse.RawDescriptionHelpFormatter,
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
        below.add_argument("--verbose", action="store_true", help="log a line for each epoch")
        below.add_argument("--debug", action="store_true", help="show the traceback of an error")
        command.configure(below)
        below.set_defaults(command=command)
    return parser


def _worth_saying(record: logging.LogRecord) -> bool:
    """Leaves out how Fabric starts processes, which it logs at a level that it sets for itself.

    What remains of it: that a process has died, and Fabric kills this one.
    """
    return (
        not record.name.startswith("lightning_fabric")
        or record.levelno >= logging.WARNING
        or record.name == "lightning_fabric.strategies.launchers.subprocess_script"
    )


def _set_up_logging(verbose: bool) -> None:
    handler = logging.StreamHandler()
    handler.addFilter(_worth_saying)
    logging.basicConfig(
        level=logging.INFO if verbose else logging.WARNING,
        format="%(asctime)s %(name)s: %(message)s" if verbose else "%(levelname)s: %(message)s",
        handlers=[handler],
        force=True,
    )
    if not verbose:
        warnings.simplefilter("ignore", FutureWarning)


if __name__ == "__main__":
    sys.exit(main())
