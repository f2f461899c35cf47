"""Commands of g2d in this process and in forked ones, within a time, and what they said."""

from __future__ import annotations

import contextlib
import io
import logging
import os
import platform
import signal
import subprocess
import sys
import time
import traceback
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import torch

import g2d
from g2d.cli.main import main

SECONDS = 20


class HangError(BaseException):
    """A command took longer than any of these may; no handler of errors takes it."""


@dataclass(frozen=True)
class Said:
    """How a command ended.

    Attributes:
        status: Its exit status.
        out: Its output.
        err: What it said of errors.
    """

    status: int
    out: str
    err: str

    def fault(self) -> str:
        """What is wrong with it: nothing where it did its work, or refused in one line."""
        lines = [line for line in self.err.splitlines() if not line.startswith("WARNING: ")]
        if "Traceback" in self.err:
            return f"a traceback: {lines[-1]}"
        if self.status == 0:
            return f"success and {lines[0]!r}" if lines else ""
        if self.status not in (1, 2):
            return f"status {self.status}"
        if len(lines) != 1 or not lines[0].startswith("g2d"):
            return f"{len(lines)} lines: {self.err[-300:]!r}"
        return ""


@contextlib.contextmanager
def within(seconds: float) -> Iterator[None]:
    """Raises `HangError` after some seconds of the processor, or 30 times as long."""

    def over(number: int, frame: object) -> None:
        raise HangError(f"longer than {seconds:g} s")

    timers = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    before = {number: signal.signal(number, over) for number in timers}
    for times, timer in zip((1, 30), timers.values(), strict=True):
        signal.setitimer(timer, times * seconds)
    try:
        yield
    finally:
        for number, timer in timers.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])


def run(words: Sequence[object], seconds: float = SECONDS) -> Said:
    """A command in this process; whatever it raises is in what it said, as Python prints it."""
    out, err = io.StringIO(), io.StringIO()
    root = logging.getLogger()
    handlers = root.handlers[:]
    quiet = (contextlib.redirect_stdout(out), contextlib.redirect_stderr(err))
    with quiet[0], quiet[1], warnings.catch_warnings():
        try:
            with within(seconds):
                status = main([str(word) for word in words])
        except SystemExit as end:
            status = end.code if isinstance(end.code, int) else 1
        except HangError as error:
            status = 124
            err.write(f"Traceback\n{error}\n")
        except BaseException:
            status = 1
            err.write(traceback.format_exc())
    root.handlers[:] = handlers
    return Said(status, out.getvalue(), err.getvalue())


def forked(work: Callable[[], int], said: Path) -> int:
    """Begins a child that works and ends with a status; g2d is imported there already.

    Args:
        work: What it does.
        said: What it prints and says of errors.
    """
    child = os.fork()
    if child:
        return child
    status = 70
    try:
        file = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 1)
        os.dup2(file, 2)
        sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        status = work()
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def ended(child: int, seconds: float = 10 * SECONDS) -> int:
    """Waits for a child; its exit status, below 0 where a signal ended it.

    Raises:
        HangError: It takes longer.
    """
    until = time.monotonic() + seconds
    while True:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return os.waitstatus_to_exitcode(status)
        if time.monotonic() > until:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            raise HangError(f"longer than {seconds:g} s")
        time.sleep(0.01)


def about(command: str) -> dict[str, Any]:
    """With what a campaign was made, for its record."""
    commit = subprocess.run(
        ["git", "rev-parse", "HEAD"], cwd=Path(__file__).parent, capture_output=True, text=True
    ).stdout.strip()
    return {
        "command": command,
        "commit": commit,
        "versions": {
            "g2d": g2d.__version__,
            "python": platform.python_version(),
            "torch": torch.__version__,
            "numpy": numpy.__version__,
        },
    }
