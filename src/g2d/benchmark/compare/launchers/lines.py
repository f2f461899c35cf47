"""The progress of a grid, one line for every run that ends."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from g2d.benchmark.compare.jobs import Job, Outcome


class Lines:
    """Prints a line whenever a job ends, with the time that is left.

    Args:
        write: Takes a line.
    """

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._total = self._ended = self._failed = 0
        self._began = time.monotonic()

    def begin(self, jobs: Sequence[Job], done: int) -> None:
        """Prints how many jobs there are."""
        self._total = len(jobs)
        self._write(f"{len(jobs)} jobs to do, {done} runs there already")

    def started(self, job: Job) -> None:
        """Prints nothing."""

    def ended(self, job: Job, outcome: Outcome) -> None:
        """Prints how it ended."""
        self._ended += 1
        self._failed += bool(outcome.reason)
        left = (time.monotonic() - self._began) / self._ended * (self._total - self._ended)
        how = f"FAILED: {outcome.reason}" if outcome.reason else f"{outcome.seconds:.0f} s"
        self._write(f"[{self._ended}/{self._total}, {duration(left)} left] {job.name}: {how}")

    def tick(self) -> None:
        """Prints nothing."""

    def close(self) -> None:
        """Prints how many jobs failed."""
        if self._failed:
            self._write(f"{self._failed} of {self._total} jobs failed")


def duration(seconds: float) -> str:
    """A time in words.

    Example:
        >>> duration(42), duration(95), duration(7300)
        ('42 s', '2 min', '2 h 2 min')
    """
    if seconds < 60:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60} min"
