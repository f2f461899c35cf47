"""`g2d`: finds the command, runs it, and says in one line what went wrong."""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Sequence

import g2d
from g2d.cli import data, demo, evaluate, methods, recipes, teach, train
from g2d.cli.command import Command
from g2d.errors import UserError

COMMANDS: tuple[Command, ...] = (
    demo.COMMAND,
    train.COMMAND,
    teach.COMMAND,
    evaluate.COMMAND,
    methods.COMMAND,
    recipes.COMMAND,
    data.COMMAND,
)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs a command; returns 0 only where the job was done.

    Args:
        argv: The arguments, those of the process when not given.
    """
    parser = _parser()
    arguments, changes = parser.parse_known_args(argv)
    command: Command | None = getattr(arguments, "command", None)
    if command is None:
        parser.print_help()
        return 2
    if changes and not command.takes_changes:
        print(f"g2d {command.name}: unexpected argument {changes[0]!r}", file=sys.stderr)
        return 2
    _set_up_logging(arguments.verbose or arguments.debug)
    try:
        command.run(arguments, changes)
    except UserError as error:
        if arguments.debug:
            raise
        print(f"g2d {command.name}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"g2d {command.name}: stopped; --resume goes on from here", file=sys.stderr)
        return 130
    except BrokenPipeError:
        return 0
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="g2d",
        description="Multimodal training in which no modality drowns out the others.",
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
