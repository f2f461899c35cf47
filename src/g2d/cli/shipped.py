"""What comes with g2d as YAML: listed, shown, copied to be edited."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from collections.abc import Callable, Sequence
from pathlib import Path

from g2d.errors import UserError


def add_shipped_arguments(parser: argparse.ArgumentParser, kind: str) -> None:
    """The arguments of a command that lists, shows and copies files of one kind."""
    parser.add_argument("action", choices=("ls", "show", "cp"))
    parser.add_argument("name", metavar=kind, nargs="?", help=f"which {kind}, for show and cp")
    parser.add_argument("to", nargs="?", type=Path, help="where to, for cp")


def show_shipped(
    arguments: argparse.Namespace, names: Sequence[str], read: Callable[[str], str], use: str
) -> None:
    """Lists what is shipped, prints one or copies one.

    Args:
        arguments: From `add_shipped_arguments`.
        names: Of all that is shipped.
        read: The text of one; its first line describes it.
        use: What to do with a copy, up to its name.

    Raises:
        UserError: There is no such file, or there is one where the copy is to go.
    """
    if arguments.action == "ls":
        width, most = shutil.get_terminal_size().columns, max(map(len, names))
        for name in names:
            first = read(name).splitlines()[0].lstrip("# ")
            print(
                textwrap.fill(f"{name:{most}}  {first}", width, subsequent_indent=" " * (most + 2))
            )
        return
    if arguments.name is None:
        raise UserError(f"{arguments.action} what? one of: {', '.join(names)}")
    text = read(arguments.name)
    if arguments.action == "show":
        print(text, end="")
        return
    to = arguments.to or Path(f"{Path(arguments.name).stem}.yaml")
    if to.exists():
        raise UserError(f"{to} exists; name another file")
    to.write_text(text, encoding="utf-8")
    print(f"copied to {to}; {use} {to}")
