"""A progress bar with the time left; nothing where there is no terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol


class Progress(Protocol):
    """The interface through which the loop reports its progress."""

    def advance(self) -> None:
        """Is called after every step."""

    def describe(self, text: str) -> None:
        """Shows what the loop is doing now."""


class Silent:
    """Shows nothing."""

    def advance(self) -> None:
        """Does nothing."""

    def describe(self, text: str) -> None:
        """Does nothing."""


class _Bar:
    def __init__(self, bar: object, task: object) -> None:
        self._bar, self._task = bar, task

    def advance(self) -> None:
        self._bar.advance(self._task)  # type: ignore[attr-defined]

    def describe(self, text: str) -> None:
        self._bar.update(self._task, description=text)  # type: ignore[attr-defined]


@contextmanager
def progress_bar(total: int, text: str, done: int = 0, visible: bool = True) -> Iterator[Progress]:
    """A bar on standard error while it is a terminal.

    Args:
        total: Steps in all.
        text: What is going on.
        done: Steps done before.
        visible: Show it at all.
    """
    from rich.console import Console

    console = Console(stderr=True)
    if not (visible and console.is_terminal):
        yield Silent()
        return
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=console, transient=True) as bar:
        yield _Bar(bar, bar.add_task(text, total=total, completed=done))
