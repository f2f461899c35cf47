"""The progress of a grid on a terminal: what runs, what has failed, how long it will take."""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, TextIO

from g2d.benchmark.compare.jobs import Job, Outcome, has_begun
from g2d.benchmark.compare.launchers.lines import duration
from g2d.errors import require

_FAILURES = 5
_WIDTH = 60
_TAIL = 8192


class Live:
    """A view that is drawn anew while jobs run; log lines appear above it.

    Args:
        stream: The terminal.
    """

    def __init__(self, stream: TextIO) -> None:
        require("rich", "train")
        from rich.console import Console

        self._console = Console(file=stream)
        self._running: dict[str, tuple[Job, float]] = {}
        self._failed: dict[str, str] = {}
        self._over = False
        self._total = self._ended = self._done = 0
        self._began = time.monotonic()
        self._live: Any = None
        self._handlers: list[tuple[logging.StreamHandler[Any], Any]] = []

    def begin(self, jobs: Sequence[Job], done: int) -> None:
        """Draws the first view."""
        from rich.live import Live as RichLive

        self._total, self._done, self._began = len(jobs), done, time.monotonic()
        self._live = RichLive(
            console=self._console, get_renderable=self._view, refresh_per_second=2
        )
        terminal = self._console.file
        self._live.start()
        # Handlers made before hold the terminal itself, and would write into the view.
        for handler in logging.getLogger().handlers:
            if isinstance(handler, logging.StreamHandler) and handler.stream is terminal:
                self._handlers.append((handler, handler.setStream(sys.stderr)))

    def started(self, job: Job) -> None:
        """Adds a line for the job."""
        self._running[job.name] = (job, time.monotonic())

    def ended(self, job: Job, outcome: Outcome) -> None:
        """A line less; a failure stays."""
        self._running.pop(job.name, None)
        self._ended += 1
        if outcome.reason:
            self._failed[job.name] = outcome.reason

    def tick(self) -> None:
        """Does nothing: the view draws itself."""

    def close(self) -> None:
        """Leaves the last view standing, with every failure."""
        if self._live is None:
            return
        for handler, stream in self._handlers:
            handler.setStream(stream)
        self._handlers.clear()
        self._over = True
        self._live.stop()
        self._live = None
        for name, reason in self._failed.items():
            self._console.print(_failure(name, reason), soft_wrap=True)

    def _view(self) -> Any:
        from rich.console import Group
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        waiting = self._total - self._ended - len(self._running)
        failed = len(self._failed)
        counts = [f"{self._ended - failed} of {self._total} jobs done"]
        if self._done:
            counts.append(f"{self._done} runs there already")
        begun = {name for name, (job, _) in self._running.items() if has_begun(job)}
        counts.append(f"{len(begun)} running")
        if queued := len(self._running) - len(begun):
            counts.append(f"{queued} queued")
        counts.append(f"{waiting} waiting")
        head = Text(", ".join(counts))
        if failed:
            head.append(f", {failed} failed", "bold red")
        if left := self._left():
            head.append(f"; {left} left", "bold")
        bar = Table.grid()  # a bar by itself ends no line
        bar.add_row(ProgressBar(max(1, self._total), self._ended, width=_WIDTH))
        parts: list[Any] = [head, bar]
        if self._running:
            rows_left = max(3, self._console.height - 6 - min(failed, _FAILURES))
            shown = list(self._running.values())[:rows_left]
            width = max(len(job.name) for job, _ in shown)
            for job, began in shown:
                at = "queued"
                if job.name in begun:
                    at = "teachers" if job.teaches else where(job) or "begins"
                passed = duration(time.monotonic() - began)
                line = f"{job.name:<{width}}  {at:<30}  {passed:>10}"
                parts.append(Text(line, no_wrap=True, overflow="ellipsis"))
            if len(self._running) > rows_left:
                parts.append(Text(f"and {len(self._running) - rows_left} more", "dim"))
        if self._over:  # every failure is printed below, in full
            return Group(*parts)
        for name, reason in list(self._failed.items())[:_FAILURES]:
            line = _failure(name, reason)
            line.no_wrap, line.overflow = True, "ellipsis"
            parts.append(line)
        if len(self._failed) > _FAILURES:
            parts.append(Text(f"and {len(self._failed) - _FAILURES} failures more", "red"))
        return Group(*parts)

    def _left(self) -> str:
        remaining = self._total - self._ended
        if not self._ended or not remaining:
            return ""
        return duration((time.monotonic() - self._began) / self._ended * remaining)


def where(job: Job) -> str:
    """Epoch and stage of a running job, from the end of its records; nothing where it has none.

    Only the end of the file is read: the view is drawn twice a second.
    """
    path = Path(job.out) / job.name / "metrics.jsonl"
    try:
        with path.open("rb") as file:
            file.seek(max(0, path.stat().st_size - _TAIL), os.SEEK_SET)
            last = json.loads(file.read().splitlines()[-1])
        epochs = job.recipe.get("training", {}).get("epochs")
        of = f"/{epochs}" if epochs else ""
        return f"epoch {last['epoch'] + 1}{of}  {last['stage']}"
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def _failure(name: str, reason: str) -> Any:
    from rich.text import Text

    return Text.assemble(("failed  ", "red"), f"{name}: {reason}")
